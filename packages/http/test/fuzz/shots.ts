import fc from 'fast-check'
import type { Scene } from '../scene.js'
import { bodies, mangled } from './bodies.js'
import { junk, number, spoiled, text } from './values.js'

export interface Shot {
  method: string
  path: string
  headers: [string, string][]
  body: string | Uint8Array | null
}

const encoded = (one: string) => {
  try {
    return encodeURIComponent(one)
  } catch {
    return '%ED%A0%80'
  }
}
const printable = (one: string) => one.replace(/[^\x20-\x7e]/g, '?').trim()

const json: [string, string] = ['content-type', 'application/json']
const header = fc.oneof(
  fc.tuple(
    fc.constant('content-type'),
    fc.oneof(
      fc.constantFrom(
        'application/json',
        'text/plain',
        'application/json; charset=utf-16',
        'multipart/form-data; boundary=x',
      ),
      text.map(printable),
    ),
  ),
  fc.tuple(
    fc.constant('accept'),
    fc.oneof(fc.constantFrom('text/event-stream', '*/*', 'text/event-stream;q=0.1, */*;q=x'), text.map(printable)),
  ),
  fc.tuple(
    fc.constantFrom(
      'last-event-id',
      'idempotency-key',
      'content-encoding',
      'authorization',
      'content-length',
      'range',
      'host',
    ),
    fc.oneof(fc.constantFrom('1', 'closed-3', 'gzip', 'k'), text.map(printable)),
  ),
)

const queries = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[
        '?limit=2',
        '?status=failed&status=succeeded',
        '?resourceId=res_shop',
        '?cursor=2',
        '?follow=true',
        '?follow=false',
      ],
      ...['?heartbeatSeconds=1&idleTimeoutSeconds=1', '?target=fake', '?target=moon', '?volumes=true'],
    ),
  },
  fc
    .array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom('cursor', 'limit', 'status', 'resourceId', 'follow', 'target', 'volumes'),
          text.map(encoded),
        ),
        fc.oneof(fc.constantFrom('1', '0', 'true', 'failed'), text.map(encoded), number.map(String)),
      ),
      { maxLength: 3 },
    )
    .map((all) => `?${all.map((one) => one.join('=')).join('&')}`),
  fc.constantFrom('?', '?&&', '?=', '?%', '?%zz=%', '?a', '?cursor', '?limit=1&limit=2', '#x'),
)

const routes: [string, string][] = [
  ...['plan', ''].map((end): [string, string] => ['POST', `/api/deployments/${end}`.replace(/\/$/, '')]),
  ...['', 'ID', 'ID/events', 'ID/events', 'ID/recovery', 'ID/diagnostics'].map((end): [string, string] => [
    'GET',
    `/api/deployments/${end}`.replace(/\/$/, ''),
  ]),
  ...['retry', 'rollback', 'cancel'].map((end): [string, string] => ['POST', `/api/deployments/ID/${end}`]),
  ['POST', '/api/resources/RES/redeploy'],
  ['GET', '/api/resources/RES'],
  ['DELETE', '/api/resources/RES'],
  ['POST', '/api/rollouts'],
  ['GET', '/api/rollouts/ID'],
  ['POST', '/api/rollouts/ID/cancel'],
  ['GET', '/api/openapi.json'],
]

/** Requests that go to a route as it wants them, up to a few things; and requests that are wrong altogether. */
export function shots(scene: Scene, deployments: string[], releases: string[]): fc.Arbitrary<Shot> {
  const known = bodies(scene, releases)
  const wild = fc.oneof(
    text.map(encoded),
    fc.constantFrom('%', '%zz', '%00', '%2e%2e', '..%2f', '%F0%9F%90', '*', ':id', '{id}'),
  )
  const deployment = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...deployments) }, wild)
  const resource = fc.oneof({ weight: 8, arbitrary: fc.constantFrom('res_shop', 'res_a', 'res_b', 'res_nobody') }, wild)
  const aimed = fc.constantFrom(...routes).chain(([method, path]) => {
    const end = method === 'DELETE' ? 'remove' : (path.split('/').at(-1) ?? '')
    const right = known[end]
    const sent = (right === undefined ? fc.constant({}) : spoiled(right)).map((one) => JSON.stringify(one))
    const body: fc.Arbitrary<Shot['body']> =
      method === 'GET'
        ? fc.constant(null)
        : fc.oneof(
            { weight: 8, arbitrary: sent as fc.Arbitrary<Shot['body']> },
            { weight: 2, arbitrary: mangled(sent) },
            fc.constant(null),
          )
    return fc.record({
      method: fc.constant(method),
      path: fc
        .tuple(deployment, resource, method === 'POST' ? fc.constant('') : queries)
        .map(([dep, res, query]) => path.replace('ID', dep).replace('RES', res) + query),
      headers: fc.oneof(
        { weight: 4, arbitrary: fc.constant<[string, string][]>([json]) },
        header.map((one) => [json, one]),
      ),
      body,
    })
  })
  const anywhere = fc.record({
    method: fc.constantFrom('GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'PROPFIND', 'get', 'X'),
    path: fc
      .tuple(
        fc.oneof(
          fc.constantFrom(...routes).map(([, path]) => path.replace('ID', deployments[0]!).replace('RES', 'res_shop')),
          fc.tuple(wild, wild).map(([a, b]) => `/api/${a}/${b}`),
          wild.map((one) => `/api/deployments/${deployments[0]}/${one}`),
          wild.map((one) => `/${one}`),
        ),
        queries,
      )
      .map((both) => both.join('')),
    headers: fc.array(header, { maxLength: 3 }),
    body: mangled(junk.map((one) => JSON.stringify(one) ?? 'null')),
  })
  return fc
    .oneof({ weight: 4, arbitrary: aimed }, anywhere)
    .map((one) => (/^(?:get|head)$/i.test(one.method) ? { ...one, body: null } : one))
}
