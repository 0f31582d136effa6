import { setTimeout as sleep } from 'node:timers/promises'
import { allErrorCodes, type ErrorCode } from '@appaloft/core/spec'
import fc from 'fast-check'
import { statusOf } from '../src/index.js'
import type { Scene } from './scene.js'

export interface Shot {
  method: string
  path: string
  headers: [string, string][]
  body: string | Uint8Array | null
}

/** Texts that have broken servers before. */
const nasty = fc.constantFrom(
  ...[
    '',
    ' ',
    '0',
    '-1',
    '1e999',
    '9007199254740993',
    'NaN',
    'null',
    'undefined',
    'true',
    '[object Object]',
    '{}',
    '[]',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    '$where',
    '%s%n',
    '{{7*7}}',
    '$' + '{7*7}',
    "' OR 1=1 --",
  ],
  ...[
    '..',
    '../../../etc/passwd',
    '/etc/passwd',
    '/',
    '.',
    '~',
    'file:///etc',
    '\0',
    'a\0b',
    '\r\nx: y',
    '\ud800',
    '\ufeff',
    '\u202e',
  ],
  ...[
    'res_',
    'dep_',
    'rel_',
    'res_shop',
    'RES_SHOP',
    'a'.repeat(300),
    'é'.repeat(200),
    '🐎'.repeat(100),
    '/'.repeat(200),
  ],
)
const text = fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }))
const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, -1, 1, 2 ** 31, 2 ** 53, 1e308, -1e308, 5e-324, 0.5, 65_536),
)
const junk = fc.oneof(
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: number },
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 4 }),
  fc.integer({ min: 1, max: 200 }).map((depth) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) as unknown),
)

type Change = { at: number; how: 'replace' | 'drop' | 'add'; value: unknown; name: string }

/** Every object and array in a value, itself included. */
const holders = (value: unknown): Record<string, unknown>[] =>
  value === null || typeof value !== 'object'
    ? []
    : [value as Record<string, unknown>, ...Object.values(value).flatMap(holders)]

/** What is right, with up to two things wrong in it. */
function spoiled(good: fc.Arbitrary<object>): fc.Arbitrary<object> {
  const change: fc.Arbitrary<Change> = fc.record({
    at: fc.nat(),
    how: fc.constantFrom('replace', 'replace', 'drop', 'add'),
    value: junk,
    name: text,
  })
  return fc.tuple(good, fc.oneof(fc.constant([]), fc.array(change, { maxLength: 2 }))).map(([one, changes]) => {
    const copy = structuredClone(one)
    for (const { at, how, value, name } of changes) {
      const all = holders(copy)
      const holder = all[at % all.length]!
      const keys = Object.keys(holder)
      const key = keys[at % Math.max(1, keys.length)]
      if (how === 'add') holder[name === '__proto__' ? 'proto' : name] = value
      else if (key !== undefined && how === 'drop') delete holder[key]
      else if (key !== undefined) holder[key] = value
    }
    return copy
  })
}

const some = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields, { requiredKeys: [] })
const seconds = fc.constantFrom(0.1, 1, 2)
const command = fc.constantFrom('serve', 'serve status=500', 'serve exit-after=0', 'serve listen=never', 'serve fail', [
  'serve',
  'text=x',
])

const definition = (scene: Scene): fc.Arbitrary<object> => {
  const path = fc.constantFrom(
    scene.folder,
    scene.folder,
    `${scene.folder}/app.txt`,
    scene.root,
    `${scene.root}/missing`,
    '/etc',
  )
  const source = fc.oneof(
    { weight: 5, arbitrary: fc.constant({ kind: 'local-folder', path: scene.folder }) },
    fc.record({ kind: fc.constantFrom('local-folder', 'compose-file', 'archive'), path }),
    fc.record({ kind: fc.constant('docker-image'), image: text }),
    // Nothing listens there: a download that is allowed fails at once.
    fc.record({
      kind: fc.constantFrom('archive', 'git-repository'),
      url: fc.constantFrom('https://127.0.0.1:1/a', 'git@127.0.0.1:a'),
    }),
  )
  return fc
    .tuple(
      source,
      some({
        id: fc.constantFrom('res_shop', 'res_a', 'res_b'),
        runtime: some({
          startCommand: command,
          buildCommand: command,
          releaseCommand: command,
          planner: fc.constant('any'),
          overlap: fc.boolean(),
        }),
        network: some({
          internalPort: fc.integer({ min: 1, max: 65_535 }),
          exposure: fc.constantFrom('proxy', 'none'),
          drainSeconds: seconds,
        }),
        health: fc.constant({ path: '/', intervalSeconds: 0.1, timeoutSeconds: 1, retries: 1, startPeriodSeconds: 0 }),
        access: some({ hostnames: fc.constant(['a.example.com']), pathPrefix: fc.constantFrom('/', '/x') }),
        environment: fc.dictionary(fc.constantFrom('A', 'B_2'), fc.record({ value: text, secret: fc.boolean() }), {
          maxKeys: 2,
        }),
        volumes: fc.constantFrom([], [{ name: 'data', path: '/data' }]),
        binds: fc.constantFrom([], [], [{ source: scene.folder, path: '/x' }]),
      }),
    )
    .map(([one, rest]) => ({ source: one, ...rest }))
}

/** Bodies by the end of the path that takes them. */
const bodies = (scene: Scene, releases: string[]): Record<string, fc.Arbitrary<object>> => {
  const request = fc
    .tuple(
      fc.oneof(fc.constantFrom('res_shop', 'res_shop', 'res_nobody'), definition(scene), definition(scene)),
      some({
        target: fc.constant('fake'),
        force: fc.boolean(),
        stateVersion: fc.integer({ min: 0, max: 9 }),
        idempotencyKey: fc.constantFrom('a', 'b', 'c'),
        fingerprint: fc.constantFrom('x'),
      }),
    )
    .map(([resource, rest]) => ({ resource, ...rest }))
  const verb = { stateVersion: fc.integer({ min: 0, max: 9 }), secrets: fc.constant('current') }
  return {
    deployments: request,
    plan: request,
    retry: some(verb),
    rollback: some({ ...verb, to: fc.oneof(fc.constantFrom(...releases), text) }),
    redeploy: some({ stateVersion: verb.stateVersion, force: fc.boolean(), target: fc.constant('fake') }),
    cancel: fc.constant({}),
    remove: some({ volumes: fc.boolean() }),
  }
}

/** Cut, mixed up, wrongly encoded, deep, large. */
const mangled = (json: fc.Arbitrary<string>): fc.Arbitrary<Shot['body']> =>
  fc.oneof(
    fc.tuple(json, fc.nat({ max: 200 })).map(([one, at]) => one.slice(0, at)),
    fc.tuple(json, fc.nat({ max: 200 }), text).map(([one, at, more]) => one.slice(0, at) + more + one.slice(at)),
    json.map((one) => new Uint8Array(Buffer.from(one, 'utf16le'))),
    json.map((one) => new Uint8Array(Buffer.from(one, 'latin1'))),
    fc.uint8Array({ maxLength: 200 }),
    text,
    junk.map((one) => JSON.stringify(one) ?? 'null'),
    fc.constantFrom(
      '{"__proto__":{"resource":"res_shop"}}',
      '{"resource":{"__proto__":{}}}',
      '{"resource":"res_shop","constructor":{"prototype":{"force":true}}}',
      '{"stateVersion":1e400}',
      '{"resource":"res_shop","resource":7}',
    ),
    fc.nat({ max: 5000 }).map((depth) => `${'{"resource":'.repeat(depth)}1${'}'.repeat(depth)}`),
    fc.nat({ max: 40_000 }).map((length) => `{"resource":"${'x'.repeat(length)}"}`),
  )

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

/** The text, or its beginning where the answer does not end by itself. */
async function beginning(answer: Response): Promise<string> {
  if (answer.body === null) return ''
  const reader = answer.body.getReader()
  let said = ''
  for (;;) {
    const part = await Promise.race([reader.read(), sleep(30, null, { ref: false })])
    if (part === null) {
      await reader.cancel()
      return said
    }
    if (part.done) return said
    said += Buffer.from(part.value).toString('utf8')
  }
}

/** Fires, and throws where the answer is not one that a client may get. */
export async function fire(scene: Scene, shot: Shot, handler = scene.handler): Promise<number> {
  let request: Request
  try {
    const headers = new Headers()
    for (const [name, value] of shot.headers) headers.set(name, value)
    request = new Request(`http://localhost${shot.path}`, { method: shot.method, headers, body: shot.body })
  } catch {
    // Nobody can send this.
    return 0
  }
  const answer = await handler(request)
  const said = await beginning(answer)
  const { status } = answer
  if (said.includes(scene.root)) throw new Error(`${status} tells where the machine keeps its files: ${said}`)
  if (status < 400) return status
  if (answer.headers.get('content-type') !== 'application/problem+json')
    throw new Error(`${status} is no problem response`)
  if (shot.method === 'HEAD') return status
  const { code } = JSON.parse(said) as { code: ErrorCode }
  if (status === 500 || !allErrorCodes.includes(code) || statusOf(code) !== status)
    throw new Error(`${status}: ${said}`)
  return status
}

/** So many requests at a server that has attempts of every kind. Answers how often each status came. */
export async function bombard(scene: Scene, count: number, seed: number): Promise<Map<number, number>> {
  const attempts = []
  for (const start of ['serve', 'serve status=500', 'serve text=two', 'serve exit-after=0'])
    attempts.push(await scene.deployed(start))
  const ids = attempts.map((one) => one.id)
  const releases = attempts.flatMap((one) => one.release?.id ?? [])
  const told: unknown[] = []
  const handler = scene.handle({
    authorize: () => ({ allow: true }),
    allowSources: ['local-folder', 'compose-file', 'archive', 'docker-image'],
    sourceRoots: [scene.root],
    maxBodyBytes: 16_384,
    onError: (error) => told.push(error),
  })
  const statuses = new Map<number, number>()
  let fired = 0
  await fc.assert(
    fc.asyncProperty(shots(scene, ids, releases), async (shot) => {
      // Some of them take it away.
      if (fired++ % 25 === 0) await scene.engine.resources.define(scene.definition())
      const status = await fire(scene, shot, handler)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (told.length > 0) throw new Error('the server was at fault', { cause: told.splice(0) })
    }),
    { numRuns: count, seed, endOnFailure: true },
  )
  return statuses
}

export const shown = (statuses: Map<number, number>): string =>
  [...statuses]
    .sort(([a], [b]) => a - b)
    .map((one) => one.join(': '))
    .join(', ')

/** Another one each time; `APPALOFT_FUZZ_SEED` repeats a run. */
export const freshSeed = (): number => Number(process.env.APPALOFT_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
