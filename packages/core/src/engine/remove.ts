import { resourceLeaseKey } from '../spec/lease.js'
import { activeStatuses } from '../spec/phases.js'
import type { Engine } from './appaloft.js'
import { pause } from './attempt.js'
import { holderGone, marks, raiseFences } from './fences.js'
import { targetOf } from './runtime.js'

/** Routes first, then what runs, then what was built. */
export async function removeFrom(
  { runtime, running }: Engine,
  id: string,
  key: string,
  options: { volumes?: boolean; signal?: AbortSignal },
): Promise<void> {
  const { store } = runtime
  const target = targetOf(runtime, key)
  for (const one of await store.listDeployments({ resourceId: id, target: key, statuses: activeStatuses }))
    running.get(one.id)?.cancel()
  const releases = await store.listReleases({ resourceId: id, target: key })
  const owned = await target.list(id)
  if (owned.length === 0 && releases.length === 0 && (await store.getResource(id)) === null) return
  const leaseKey = resourceLeaseKey(id, key)
  for (;;) {
    options.signal?.throwIfAborted()
    const lease = await store.readLease(leaseKey)
    if (lease?.holder && !holderGone(runtime, lease)) {
      await pause(100, options.signal)
      continue
    }
    if (owned.length === 0 && releases.length === 0) return
    const present = await marks(target, id)
    const taken = await store.acquireLease({
      key: leaseKey,
      holder: runtime.holder(runtime.engineId),
      expect: lease,
      minToken: Math.max(present.target, present.proxy) + 1,
    })
    if (taken === null) continue
    try {
      await raiseFences(target, id, taken.token, runtime.engineId)
      await target.proxy?.remove(id, taken.token)
      for (const one of await target.list(id)) {
        await drained(target, id, one.deploymentId, options.signal)
        await target.stop(one, taken.token)
        await target.remove(one, taken.token)
      }
      for (const [i, release] of releases.entries()) {
        await target.discard(release, taken.token, {
          retained: [],
          ...(options.volumes && i === releases.length - 1 ? { volumes: true } : {}),
        })
      }
      return
    } finally {
      await store.releaseLease({ key: leaseKey, token: taken.token })
    }
  }
}

/** Requests in flight may end; for at most 10 s, since nothing new comes. */
async function drained(
  target: ReturnType<typeof targetOf>,
  id: string,
  deploymentId: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const end = performance.now() + 10_000
  while (target.proxy?.capabilities.inFlight && performance.now() < end) {
    const { inFlight } = await target.proxy.observe(id)
    if ((inFlight.find((one) => one.deploymentId === deploymentId)?.count ?? 0) === 0) return
    await pause(50, signal)
  }
}
