import { hasCode } from '../spec/errors.js'
import { type Lease, type LeaseRef, resourceLeaseKey } from '../spec/lease.js'
import { isTerminal } from '../spec/phases.js'
import type { Target } from '../spec/target.js'
import type { MachineLease } from '../spec/target-lease.js'
import { raiseFences, readMarks, takeLease } from './fences.js'
import { Heartbeat } from './heartbeat.js'
import { foreignHolder, MachineHold, othersOn, workerName } from './machine.js'
import type { Runtime } from './runtime.js'

/**
 * Work on a resource that is no attempt of it, under its lease, which is kept meanwhile: attempts wait for it. False: the lease is no
 * longer as it was read, or it is that of an attempt that is not at its end, which is still to be undone; or the machine is held with
 * another store.
 *
 * @param held told who holds the machine
 */
export async function maintain(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  expect: Lease | null,
  work: (lease: LeaseRef) => Promise<void>,
  held?: (by: MachineLease) => Promise<void>,
): Promise<boolean> {
  const { store, holdings, ids } = runtime
  const former = expect?.holder ? await store.getDeployment(expect.holder.deploymentId) : null
  if (former !== null && !isTerminal(former.status)) return false
  const owner = ids.next('eng')
  const marks = await readMarks(target, resourceId)
  const foreign = await foreignHolder(runtime, target, resourceId, marks.lease)
  if (foreign !== null) {
    await held?.(foreign)
    return false
  }
  const taken = await takeLease(runtime, target, resourceId, marks, { expect, deploymentId: owner })
  if (taken === null) return false
  const lease: LeaseRef = { key: resourceLeaseKey(resourceId, target.key), token: taken.token }
  // A lost lease is told by the fence.
  const heartbeat = new Heartbeat(runtime, null, () => [lease], { lost: () => {}, canceled: () => {} })
  let hold: MachineHold | undefined
  try {
    try {
      await raiseFences(target, resourceId, lease.token, await workerName(runtime, target, resourceId, owner), {
        known: marks,
        others: othersOn(runtime, target, resourceId),
      })
    } catch (error) {
      // An engine with another store was faster.
      if (target.lease !== undefined && hasCode(error, 'fenced')) return false
      throw error
    }
    hold = new MachineHold(runtime, target, { resourceId, token: lease.token }, { lost: () => {}, wanted: () => {} })
    await work(lease)
    return true
  } finally {
    await heartbeat.stop()
    await hold?.letGo()
    holdings.drop(lease)
    await store.releaseLease(lease).catch(() => {})
  }
}
