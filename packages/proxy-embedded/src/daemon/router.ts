import type { RouteTable } from '@appaloft/core/spec'
import type { Upstream } from './upstream.js'

/** A resource as it is served between two swaps. Immutable: a swap makes a new one. */
export interface Served {
  readonly resourceId: string
  readonly table: RouteTable
  readonly live: Upstream | null
  readonly staged: Upstream | null
  readonly token: Buffer | null
  readonly hidesIdentity: boolean
}

export interface Match {
  readonly served: Served
  /** Without a slash at its end; empty matches every path. */
  readonly prefix: string
  readonly strip: boolean
  readonly redirectTo: string | null
}

export const trimPrefix = (prefix: string): string => prefix.replace(/\/+$/, '')

const longestFirst = (a: Match, b: Match): number => b.prefix.length - a.prefix.length

const maxCachedHosts = 4096

/** The routes of all resources at one moment. Immutable, so that a swap is one assignment. */
export class Router {
  readonly #exact = new Map<string, Match[]>()
  readonly #wildcard = new Map<string, Match[]>()
  readonly #own = new Map<string, { hosts: Router | null; matches: Match[] }>()
  readonly #cache = new Map<string, readonly Match[]>()

  constructor(served: Iterable<Served>, scoped = false) {
    for (const one of served) this.#add(one, scoped)
    for (const list of [...this.#exact.values(), ...this.#wildcard.values()]) list.sort(longestFirst)
  }

  #add(served: Served, scoped: boolean): void {
    const own: Match[] = []
    for (const route of served.table.routes) {
      const match: Match = {
        served,
        prefix: trimPrefix(route.pathPrefix),
        strip: route.pathHandling === 'strip',
        redirectTo: route.redirectTo,
      }
      if (route.hostname === null) own.push(match)
      else if (route.hostname.startsWith('*.')) append(this.#wildcard, route.hostname.slice(2), match)
      else append(this.#exact, route.hostname, match)
    }
    if (scoped || own.length === 0) return
    const named = own.length < served.table.routes.length
    this.#own.set(served.resourceId, {
      hosts: named ? new Router([served], true) : null,
      matches: own.sort(longestFirst),
    })
  }

  /** On the shared listener: the exact hostname first, then the wildcard of its last labels; in each the longest prefix. */
  find(host: string | undefined, path: string): Match | null {
    return host === undefined ? null : longest(this.#candidates(host), path)
  }

  /** On a resource's own port, which serves all of its routes. */
  findOwn(resourceId: string, host: string | undefined, path: string): Match | null {
    const own = this.#own.get(resourceId)
    if (own === undefined) return null
    return own.hosts?.find(host, path) ?? longest(own.matches, path)
  }

  #candidates(host: string): readonly Match[] {
    const known = this.#cache.get(host)
    if (known !== undefined) return known
    const name = hostnameOf(host)
    const dot = name.indexOf('.')
    const exact = this.#exact.get(name) ?? []
    const wildcard = dot > 0 ? (this.#wildcard.get(name.slice(dot + 1)) ?? []) : []
    const found = [...exact, ...wildcard]
    if (this.#cache.size < maxCachedHosts) this.#cache.set(host, found)
    return found
  }
}

function append(map: Map<string, Match[]>, key: string, match: Match): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [match])
  else list.push(match)
}

function longest(matches: readonly Match[], path: string): Match | null {
  for (const match of matches) if (hasPrefix(path, match.prefix)) return match
  return null
}

const slash = 47
const questionMark = 63

/** `/app` has `/app`, `/app/x` and `/app?x`, and has not `/apple`. */
function hasPrefix(path: string, prefix: string): boolean {
  const { length } = prefix
  if (length === 0) return true
  if (!path.startsWith(prefix)) return false
  if (path.length === length) return true
  const next = path.charCodeAt(length)
  return next === slash || next === questionMark
}

/** `WEB.Example.com.:8080` is `web.example.com`. */
export function hostnameOf(host: string): string {
  const name = host.toLowerCase().replace(/:\d*$/, '')
  return name.endsWith('.') ? name.slice(0, -1) : name
}

/** The path as the upstream sees it. */
export function upstreamPath(match: Match, path: string): string {
  if (!match.strip || match.prefix.length === 0) return path
  const rest = path.slice(match.prefix.length)
  return rest.charCodeAt(0) === slash ? rest : `/${rest}`
}
