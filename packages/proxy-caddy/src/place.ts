import { byRank, type Entry, isRecord, type Json, type JsonRecord, parseEntry, renderEntry, vars } from './entries.js'
import { overlap, parseListen, type Settings } from './options.js'
import { pipeline } from './pipeline.js'

/*
 * Where ours is in a configuration that others write too. Everything of ours carries an `@id`; everything else stays as it is, also in
 * its order.
 */

interface Ids {
  server: string
  route: string
  rest: string
}
const idsOf = (name: string, kind: 'http' | 'https'): Ids => ({
  server: `${name}-${kind}-server`,
  route: `${name}-${kind}`,
  rest: `${name}-${kind}-rest`,
})
const authority = (name: string) => `${name}-authority`
const policy = (name: string) => `${name}-certificates`

const child = (parent: Json | undefined, name: string): Json | undefined =>
  isRecord(parent) ? parent[name] : undefined
const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : [])
const idOf = (value: Json): Json | undefined => child(value, '@id')

const serversOf = (config: Json): JsonRecord => {
  const servers = child(child(child(config, 'apps'), 'http'), 'servers')
  return isRecord(servers) ? servers : {}
}

/** What of ours is in the configuration. */
export function readEntries(config: Json, settings: Settings): Entry[] {
  const { route } = idsOf(settings.name, 'http')
  for (const server of Object.values(serversOf(config))) {
    const ours = list(child(server, 'routes')).find((one) => idOf(one) === route)
    if (ours === undefined) continue
    const inner = list(child(ours, 'handle')).flatMap((handler) => list(child(handler, 'routes')))
    return inner.flatMap((one) => parseEntry(one) ?? [])
  }
  return []
}

/** Hostnames that somebody else's routes name, in the servers that ours would be in. */
export function foreignHostnames(config: Json, settings: Settings): Set<string> {
  const hostnames = new Set<string>()
  // Without TLS nothing of ours is at the other place, whoever is there: it may be the same.
  for (const kind of settings.tls === 'off' ? (['http'] as const) : (['http', 'https'] as const)) {
    const ids = idsOf(settings.name, kind)
    const found = findServer(config, settings[kind], ids)
    for (const route of list(child(found?.[1], 'routes'))) {
      if (idOf(route) === ids.route) continue
      for (const match of list(child(route, 'match')))
        for (const host of list(child(match, 'host'))) if (typeof host === 'string') hostnames.add(host.toLowerCase())
    }
  }
  return hostnames
}

function findServer(config: Json, listen: string, ids: Ids): [string, JsonRecord] | null {
  const wanted = parseListen(listen)!
  const all = Object.entries(serversOf(config)).flatMap(([name, server]): [string, JsonRecord][] =>
    isRecord(server) ? [[name, server]] : [],
  )
  const overlaps = (text: Json) => {
    const other = typeof text === 'string' ? parseListen(text) : null
    return other !== null && overlap(other, wanted)
  }
  return (
    all.find(([, server]) => idOf(server) === ids.server) ??
    all.find(([, server]) => list(server.listen).some(overlaps)) ??
    null
  )
}

/** Where a server of our own listens now: another place than is wanted, until the next change of the configuration. */
export function listensAt(config: Json, settings: Settings, kind: 'http' | 'https'): string {
  const own = Object.values(serversOf(config)).find((server) => idOf(server) === idsOf(settings.name, kind).server)
  const [first] = list(child(own, 'listen'))
  return typeof first === 'string' && parseListen(first) !== null ? first : settings[kind]
}

/** The configuration with exactly these entries of ours. A copy: what is not ours is the same in it. */
export function place(config: Json, entries: readonly Entry[], settings: Settings, root: string): JsonRecord {
  const next: JsonRecord = isRecord(config) ? structuredClone(config) : {}
  const secured = settings.tls === 'off' ? [] : entries.filter(({ route }) => route.tls === 'auto')
  const foreign = Object.values(serversOf(next)).some((server) => {
    const id = idOf(server)
    return id !== idsOf(settings.name, 'http').server && id !== idsOf(settings.name, 'https').server
  })
  const context = { next, settings, alone: !foreign }
  const steps = (some: readonly Entry[], httpsPort: number | null) => {
    const strips = some.some(({ route }) => route.pathHandling === 'strip')
    const redirects = some.some(({ route }) => route.redirectTo !== null)
    return pipeline({ root, httpsPort, strips, redirects })
  }
  putRoute(context, 'http', entries, steps(entries, secured.length === 0 ? null : parseListen(settings.https)!.from))
  putRoute(context, 'https', secured, steps(secured, null))
  putAuthority(next, settings, secured)
  return next
}

interface Context {
  next: JsonRecord
  settings: Settings
  /** No server of anybody else: what nobody serves may be answered here. */
  alone: boolean
}

function putRoute(
  { next, settings, alone }: Context,
  kind: 'http' | 'https',
  entries: readonly Entry[],
  rest: JsonRecord,
): void {
  const ids = idsOf(settings.name, kind)
  const found = findServer(next, settings[kind], ids)
  if (found === null && entries.length === 0) return
  const hosts = [...new Set(entries.map(({ hostname }) => hostname))].sort()
  const known = { vars_regexp: { [`{http.vars.${vars.folder}}`]: { pattern: '.' } } }
  const route: JsonRecord = {
    '@id': ids.route,
    match: [{ host: hosts }],
    handle: [
      {
        handler: 'subroute',
        routes: [...[...entries].sort(byRank).map(renderEntry), { match: [known], handle: [rest], terminal: true }],
      },
    ],
  }
  const [name, server] = found ?? [ids.server, newServer(kind, ids, settings)]
  const own = idOf(server) === ids.server
  const servers = descend(next, 'apps', 'http', 'servers')
  if (own && entries.length === 0) {
    delete servers[name]
    prune(next, 'apps', 'http', 'servers')
    return
  }
  const others = list(server.routes)
  const at = others.findIndex((one) => idOf(one) === ids.route)
  const without = others.filter((one) => idOf(one) !== ids.route && !(own && idOf(one) === ids.rest))
  if (entries.length > 0) without.splice(Math.max(at, 0), 0, route)
  if (own && alone) without.push({ '@id': ids.rest, handle: [{ handler: 'static_response', status_code: 404 }] })
  const listen: JsonRecord = own ? { listen: [settings[kind]] } : {}
  servers[name] = at === -1 && entries.length === 0 ? server : { ...server, ...listen, routes: without }
}

function newServer(kind: 'http' | 'https', ids: Ids, settings: Settings): JsonRecord {
  const automatic: JsonRecord = kind === 'http' ? { disable: true } : { disable_redirects: true }
  return {
    '@id': ids.server,
    listen: [settings[kind]],
    automatic_https: automatic,
    ...(kind === 'https' ? { tls_connection_policies: [{}] } : {}),
  }
}

/** An authority of ours, which nobody is asked to trust: Caddy would put its own into the machine's list. */
function putAuthority(next: JsonRecord, { name, tls }: Settings, secured: readonly Entry[]): void {
  const before = list(child(child(child(child(next, 'apps'), 'tls'), 'automation'), 'policies'))
  const others = before.filter((one) => idOf(one) !== policy(name))
  if (tls === 'internal' && secured.length > 0) {
    const subjects = [...new Set(secured.map(({ hostname }) => hostname))].sort()
    const authorities = descend(next, 'apps', 'pki', 'certificate_authorities')
    authorities[authority(name)] = { name: 'Appaloft', install_trust: false }
    const issuers: Json[] = [{ module: 'internal', ca: authority(name) }]
    descend(next, 'apps', 'tls', 'automation').policies = [{ '@id': policy(name), subjects, issuers }, ...others]
    return
  }
  if (others.length !== before.length) {
    descend(next, 'apps', 'tls', 'automation').policies = others
    prune(next, 'apps', 'tls', 'automation', 'policies')
  }
  const authorities = child(child(child(next, 'apps'), 'pki'), 'certificate_authorities')
  if (!isRecord(authorities) || authorities[authority(name)] === undefined) return
  delete authorities[authority(name)]
  // With an empty list, Caddy would make an authority of its own and have the machine trust it.
  prune(next, 'apps', 'pki', 'certificate_authorities')
}

const isEmpty = (value: Json | undefined): boolean =>
  Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0

/** Takes away what is empty now, from the inside out. */
function prune(from: JsonRecord, ...names: string[]): void {
  for (let depth = names.length; depth > 0; depth--) {
    const parent = names.slice(0, depth - 1).reduce<Json | undefined>(child, from)
    const name = names[depth - 1]!
    if (!isRecord(parent) || !isEmpty(parent[name])) return
    delete parent[name]
  }
}

function descend(from: JsonRecord, ...names: string[]): JsonRecord {
  let at = from
  for (const name of names) {
    const next = at[name]
    if (isRecord(next)) at = next
    else {
      const made: JsonRecord = {}
      at[name] = made
      at = made
    }
  }
  return at
}
