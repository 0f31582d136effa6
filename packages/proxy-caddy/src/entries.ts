import type { Route } from '@appaloft/core/spec'

/** What a Caddy configuration is made of. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonRecord = { [key: string]: Json }

export const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** One hostname and path of a resource, and the folder that says who serves it. */
export interface Entry {
  resourceId: string
  /** A generation has the same routes throughout: a change of routes makes another, and configuration and markers change as one. */
  generation: string
  hostname: string
  route: Route
}

/** Requests have these once they matched, for the steps that follow. */
export const vars = {
  folder: 'appaloft_folder',
  prefix: 'appaloft_prefix',
  strip: 'appaloft_strip',
  to: 'appaloft_to',
  /** `url`, `name` (with the port that was asked) or `place`: what `to` is. `none`: no redirect. */
  redirect: 'appaloft_redirect',
  tls: 'appaloft_tls',
} as const

const plainPrefix = (prefix: string): string => prefix.replace(/\/+$/, '')

/** As Caddy compares it: paths are decoded. */
function decoded(prefix: string): string {
  try {
    return decodeURIComponent(prefix)
  } catch {
    return prefix
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** The first that matches takes the request: an exact hostname before a wildcard, then the longest prefix. */
export const byRank = (a: Entry, b: Entry): number =>
  Number(a.hostname.startsWith('*')) - Number(b.hostname.startsWith('*')) ||
  plainPrefix(b.route.pathPrefix).length - plainPrefix(a.route.pathPrefix).length ||
  (a.hostname < b.hostname ? -1 : a.hostname > b.hostname ? 1 : 0)

const kindOf = (to: string | null): string =>
  to === null ? 'none' : /^https?:\/\//.test(to) ? 'url' : to.includes(':') ? 'place' : 'name'

export function renderEntry({ resourceId, generation, hostname, route }: Entry): JsonRecord {
  const prefix = plainPrefix(route.pathPrefix)
  // A path matcher would not tell capitals from small letters.
  const path: JsonRecord = prefix === '' ? {} : { path_regexp: { pattern: `^${escaped(decoded(prefix))}(?:/|$)` } }
  const strip = route.pathHandling === 'strip' && prefix !== ''
  return {
    group: 'appaloft',
    match: [{ host: [hostname], ...path }],
    handle: [
      {
        handler: 'vars',
        [vars.folder]: `${resourceId}/${generation}`,
        [vars.prefix]: route.pathPrefix,
        [vars.strip]: route.pathHandling,
        [vars.redirect]: kindOf(route.redirectTo),
        [vars.to]: route.redirectTo?.replace(/\/+$/, '') ?? 'nowhere',
        [vars.tls]: route.tls,
      },
      ...(strip ? [{ handler: 'rewrite', strip_path_prefix: decoded(prefix) }] : []),
    ],
  }
}

/** Null: not an entry of ours. */
export function parseEntry(value: Json): Entry | null {
  if (!isRecord(value) || !Array.isArray(value.handle) || !Array.isArray(value.match)) return null
  const [match] = value.match
  const [said] = value.handle
  if (!isRecord(match) || !isRecord(said) || !Array.isArray(match.host)) return null
  const text = (name: string) => (typeof said[name] === 'string' ? said[name] : '')
  const [resourceId = '', generation = ''] = text(vars.folder).split('/')
  const [hostname] = match.host
  if (resourceId === '' || generation === '' || typeof hostname !== 'string') return null
  return {
    resourceId,
    generation,
    hostname,
    route: {
      hostname,
      pathPrefix: text(vars.prefix),
      pathHandling: text(vars.strip) === 'strip' ? 'strip' : 'preserve',
      redirectTo: text(vars.redirect) === 'none' ? null : text(vars.to),
      tls: text(vars.tls) === 'auto' ? 'auto' : 'off',
    },
  }
}

/** What two resources may not both have. */
export const claimOf = (hostname: string, pathPrefix: string): string => `${hostname} ${plainPrefix(pathPrefix)}/`
