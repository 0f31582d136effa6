import type { ProxyObservation } from '../spec/proxy.js'
import type { Target } from '../spec/target.js'
import type { Runtime } from './runtime.js'

/**
 * Waits for the requests that are open at what no longer takes traffic, for at most so many milliseconds. `goOn` throws where the wait has
 * become pointless.
 *
 * @param first an observation that was made since it takes no traffic
 */
export async function requestsEnd(
  { clock, pause }: Runtime,
  target: Target,
  { resourceId, deploymentId }: { resourceId: string; deploymentId: string },
  ms: number,
  goOn: () => void = () => {},
  first: ProxyObservation | null = null,
): Promise<void> {
  const end = clock.monotonic() + ms
  let seen = first
  while (target.proxy?.capabilities.inFlight) {
    goOn()
    const { inFlight } = seen ?? (await target.proxy.observe(resourceId))
    seen = null
    const open = inFlight.find((one) => one.deploymentId === deploymentId)?.count ?? 0
    if (open === 0 || clock.monotonic() >= end) break
    await pause(50)
  }
  goOn()
}
