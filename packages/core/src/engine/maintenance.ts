import { type Lease, type LeaseRef, resourceLeaseKey } from '../spec/lease.js'
import { isTerminal } from '../spec/phases.js'
import type { Target } from '../spec/target.js'
import { raiseFences, takeLease } from './fences.js'
import { Heartbeat } from './heartbeat.js'
import type { Runtime } from './runtime.js'

/**
 * Work on a resource that is no attempt of it, under its lease, which is kept meanwhile: attempts wait for it. False: the lease is no
 * longer as it was read, or it is that of an attempt that is not at its end, which is still to be undone.
 */
export async function maintain(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  expect: Lease | null,
  work: (lease: LeaseRef) => Promise<void>,
): Promise<boolean> {
  const { store, holdings, ids } = runtime
  const former = expect?.holder ? await store.getDeployment(expect.holder.deploymentId) : null
  if (former !== null && !isTerminal(former.status)) return false
  const owner = ids.next('eng')
  const taken = await takeLease(runtime, target, resourceId, { expect, deploymentId: owner })
  if (taken === null) return false
  const lease: LeaseRef = { key: resourceLeaseKey(resourceId, target.key), token: taken.token }
  // A lost lease is told by the fence.
  const heartbeat = new Heartbeat(runtime, null, () => [lease], { lost: () => {}, canceled: () => {} })
  try {
    await raiseFences(target, resourceId, lease.token, owner)
    await work(lease)
    return true
  } finally {
    await heartbeat.stop()
    holdings.drop(lease)
    await store.releaseLease(lease).catch(() => {})
  }
}
