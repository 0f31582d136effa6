import { isIP } from 'node:net'
import type { ProxyObservation, UpstreamSet } from '@appaloft/core/spec'

/** As Caddy names an upstream. Null: it counts under an address that is not known here. */
function nameOf(address: UpstreamSet['addresses'][number]): string | null {
  if (address.kind !== 'tcp' || isIP(address.host) === 0) return null
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** `sets`: those that serve, then those that were replaced; an address that two share counts for the first. */
export function countInFlight(
  sets: { set: UpstreamSet; replaced: boolean }[],
  counts: ReadonlyMap<string, number>,
): ProxyObservation['inFlight'] {
  const seen = new Set<string>()
  return sets.flatMap(({ set, replaced }): ProxyObservation['inFlight'] => {
    const places = set.addresses.map(nameOf)
    if (places.includes(null)) return [{ deploymentId: set.deploymentId, count: 'unknown' as const }]
    let count = 0
    for (const place of places as string[]) {
      if (!seen.has(place)) count += counts.get(place) ?? 0
      seen.add(place)
    }
    return replaced && count === 0 ? [] : [{ deploymentId: set.deploymentId, count }]
  })
}
