import type { Route } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { byRank, type Entry, isRecord, type JsonRecord, parseEntry, renderEntry } from './entries.js'
import { reachOf, settle } from './options.js'
import { foreignHostnames, listensAt, place, readEntries } from './place.js'

const entry = (hostname: string, rest: Partial<Route> = {}, resourceId = 'res_web'): Entry => ({
  resourceId,
  generation: 'g1',
  hostname,
  route: { hostname, pathPrefix: '/', pathHandling: 'preserve', redirectTo: null, tls: 'off', ...rest },
})
const settings = settle({ tls: 'internal' })
const servers = (config: JsonRecord) =>
  (config as { apps: { http: { servers: Record<string, JsonRecord> } } }).apps.http.servers

it('renders an entry from which it can be read again', () => {
  const all = [
    entry('web.example.test'),
    entry('*.example.test', { tls: 'auto' }),
    entry('web.example.test', { pathPrefix: '/api/v1.0', pathHandling: 'strip' }),
    entry('old.example.test', { redirectTo: 'web.example.test' }),
    entry('far.example.test', { redirectTo: 'https://far.example.org' }),
  ]
  for (const one of all) expect(parseEntry(renderEntry(one))).toEqual(one)
  expect(parseEntry({ handle: [{ handler: 'file_server' }], match: [{ host: ['x'] }] })).toBeNull()
  expect(renderEntry(all[2]!)).toMatchObject({
    match: [{ host: ['web.example.test'], path_regexp: { pattern: '^/api/v1\\.0(?:/|$)' } }],
    handle: [{ appaloft_folder: 'res_web/g1' }, { handler: 'rewrite', strip_path_prefix: '/api/v1.0' }],
  })
})

it('asks exact hostnames before wildcards, and longer prefixes first, across resources', () => {
  const sorted = [
    entry('*.test', { pathPrefix: '/long/prefix' }),
    entry('a.test'),
    entry('a.test', { pathPrefix: '/api/' }, 'res_api'),
    entry('a.test', { pathPrefix: '/api/v2' }),
  ].sort(byRank)
  expect(sorted.map(({ hostname, route }) => `${hostname}${route.pathPrefix}`)).toEqual([
    'a.test/api/v2',
    'a.test/api/',
    'a.test/',
    '*.test/long/prefix',
  ])
})

it('moves a server of its own to where it shall listen now, and says where it listens until then', () => {
  const before = place(null, [entry('web.example.test')], settings, '/m')
  const moved = settle({ tls: 'internal', http: '127.0.0.1:8080' })
  expect(listensAt(before, moved, 'http')).toBe(':80')
  expect(reachOf(listensAt(before, moved, 'http'))).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 80 })
  const after = place(before, [entry('web.example.test')], moved, '/m')
  expect(Object.keys(servers(after))).toEqual(['appaloft-http-server'])
  expect(servers(after)['appaloft-http-server']?.listen).toEqual(['127.0.0.1:8080'])
  expect(listensAt(after, moved, 'http')).toBe('127.0.0.1:8080')
  // One of somebody else stays where it is.
  const foreign = { apps: { http: { servers: { theirs: { listen: [':8000-8100'], routes: [] } } } } }
  const joined = place(foreign, [entry('web.example.test')], moved, '/m')
  expect(servers(joined).theirs?.listen).toEqual([':8000-8100'])
  expect(listensAt(joined, moved, 'http')).toBe('127.0.0.1:8080')
})

it('makes servers of its own where nobody listens, and takes them away again', () => {
  const config = place(null, [entry('web.example.test'), entry('tls.example.test', { tls: 'auto' })], settings, '/m')
  expect(Object.keys(servers(config))).toEqual(['appaloft-http-server', 'appaloft-https-server'])
  expect(servers(config)['appaloft-http-server']).toMatchObject({ listen: [':80'], automatic_https: { disable: true } })
  expect(readEntries(config, settings).map(({ hostname }) => hostname)).toEqual([
    'tls.example.test',
    'web.example.test',
  ])
  expect(config).toMatchObject({
    apps: {
      pki: { certificate_authorities: { 'appaloft-authority': { install_trust: false } } },
      tls: { automation: { policies: [{ subjects: ['tls.example.test'] }] } },
    },
  })
  expect(place(config, [], settings, '/m')).toEqual({})
})

const theirs = {
  admin: { listen: 'localhost:2019' },
  apps: {
    http: {
      servers: {
        srv0: {
          listen: [':443'],
          routes: [{ match: [{ host: ['shop.example.test'] }], handle: [{ handler: 'vars' }] }],
        },
        other: { listen: [':9000'], routes: [] },
        srv1: { listen: ['0.0.0.0:80'], routes: [{ handle: [{ handler: 'file_server' }], terminal: true }] },
      },
    },
    tls: { automation: { policies: [{ issuers: [{ module: 'acme' }] }] } },
  },
} satisfies JsonRecord

it('goes first into the server that listens there, and leaves everything else as it was', () => {
  const before = JSON.stringify(theirs)
  const config = place(theirs, [entry('web.example.test', { tls: 'auto' })], settings, '/m')
  expect(JSON.stringify(theirs)).toBe(before)
  expect(Object.keys(servers(config))).toEqual(['srv0', 'other', 'srv1'])
  const ids = Object.values(servers(config)).map(({ routes }) =>
    (routes as JsonRecord[]).map((route) => (isRecord(route) ? (route['@id'] ?? 'theirs') : null)),
  )
  expect(ids).toEqual([['appaloft-https', 'theirs'], [], ['appaloft-http', 'theirs']])
  expect(JSON.stringify(place(config, [], settings, '/m'))).toBe(before)
})

it('keeps its place among routes that others added meanwhile', () => {
  const config = place(theirs, [entry('web.example.test')], settings, '/m')
  const list = servers(config).srv1!.routes as JsonRecord[]
  list.unshift({ handle: [{ handler: 'vars', added: '1' }] })
  const again = servers(place(config, [entry('two.example.test')], settings, '/m')).srv1!.routes as JsonRecord[]
  expect(again.map((route) => route['@id'] ?? 'theirs')).toEqual(['theirs', 'appaloft-http', 'theirs'])
  expect(again[1]).toMatchObject({ match: [{ host: ['two.example.test'] }] })
})

it('knows the hostnames of others where it would be itself', () => {
  expect(foreignHostnames(theirs, settings)).toEqual(new Set(['shop.example.test']))
  const ours = place(theirs, [entry('web.example.test', { tls: 'auto' })], settings, '/m')
  expect(foreignHostnames(ours, settings)).toEqual(new Set(['shop.example.test']))
})

it('answers for what nobody serves only where it is alone', () => {
  const alone = servers(place(null, [entry('a.test')], settings, '/m'))['appaloft-http-server']!
  expect((alone.routes as JsonRecord[]).map((route) => route['@id'])).toEqual(['appaloft-http', 'appaloft-http-rest'])
  const beside = place(
    { apps: { http: { servers: { srv0: { listen: [':443'] } } } } },
    [entry('a.test')],
    settings,
    '/m',
  )
  expect((servers(beside)['appaloft-http-server']!.routes as JsonRecord[]).map((route) => route['@id'])).toEqual([
    'appaloft-http',
  ])
})

it('takes no route of its own for somebody else’s where http and https are one place and nothing is secured', () => {
  const one = settle({ tls: 'off', http: '127.0.0.1:8080', https: '127.0.0.1:8080' })
  const config = place(null, [entry('web.example.test')], one, '/m')
  expect([...foreignHostnames(config, one)]).toEqual([])
  expect(() => settle({ http: ':8080', https: '127.0.0.1:8000-8100' })).toThrow(/the same place to listen/)
  expect(() => settle({ http: '127.0.0.1:8080', https: '127.0.0.2:8080' })).not.toThrow()
})
