import { AppaloftError, type Route, type RouteTable, routeTableSchema } from '@appaloft/core/spec'
import { claimOf, type Entry, parseEntry, renderEntry } from './entries.js'
import { refuseUnnameable } from './names.js'

/** A table that Caddy can serve, or why it cannot. */
export function checked(table: RouteTable): RouteTable {
  const parsed = routeTableSchema.safeParse(table)
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
    throw new AppaloftError('invalid-input', { message: 'The route table is not valid.', details: { issues } })
  }
  const refuse = (message: string) => new AppaloftError('unsupported-access-policy', { message })
  for (const { hostname, pathPrefix, redirectTo } of parsed.data.routes) {
    if (hostname === null) throw refuse('Caddy gives no resource a port of its own: set access.hostnames.')
    // Caddy replaces what stands in braces.
    if (!/^[a-z0-9*.:_-]+$/.test(hostname)) throw refuse(`Caddy cannot serve the hostname ${hostname}.`)
    if (!/^\/[!-z|~]*$/.test(pathPrefix)) throw refuse('Caddy cannot serve this path prefix.')
    if (redirectTo !== null && !/^[!-z|~]+$/.test(redirectTo)) throw refuse('Caddy cannot redirect there.')
  }
  refuseUnnameable(parsed.data.live, parsed.data.identity)
  refuseUnnameable(parsed.data.staged, parsed.data.identity)
  return parsed.data
}

/** As they will be read back. */
export const entriesFor = (resourceId: string, generation: string, routes: readonly Route[]): Entry[] =>
  routes.flatMap((route) =>
    route.hostname === null
      ? []
      : (parseEntry(renderEntry({ resourceId, generation, hostname: route.hostname, route })) ?? []),
  )

export const sorted = (entries: readonly Entry[]): Entry[] => {
  const key = ({ route }: Entry) => JSON.stringify([route.hostname, route.pathPrefix])
  return [...entries].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

/** A hostname and path belong to one resource, and a hostname of somebody else's to them. */
export function refuseConflict(
  resourceId: string,
  routes: readonly Route[],
  present: readonly Entry[],
  foreign: ReadonlySet<string>,
): void {
  const taken = new Map(
    present
      .filter((entry) => entry.resourceId !== resourceId)
      .map((entry) => [claimOf(entry.hostname, entry.route.pathPrefix), entry.resourceId]),
  )
  for (const { hostname, pathPrefix } of routes) {
    if (hostname === null) continue
    const owner = taken.get(claimOf(hostname, pathPrefix))
    if (owner !== undefined)
      throw new AppaloftError('route-conflict', {
        message: `${hostname}${pathPrefix} belongs to ${owner}.`,
        details: { hostname, pathPrefix, owner },
      })
    if (foreign.has(hostname))
      throw new AppaloftError('route-conflict', {
        message: `${hostname} is served by a route of Caddy that somebody else wrote.`,
        details: { hostname, pathPrefix },
      })
  }
}
