import type { LeaseRef } from '../spec/lease.js'
import { isTerminal } from '../spec/phases.js'
import type { Target } from '../spec/target.js'
import type { Found } from './adopt.js'
import { untilUndisturbed } from './environment.js'
import { isEnded } from './records.js'
import type { Runtime } from './runtime.js'

/**
 * An engine with another store was there since: what this store has as live, and the machine that was told of it tells no more, was undone or
 * removed by it. Live is what the machine tells of last. Under the lease, with what was found there under it.
 */
export async function believeUndone(
  { store, now }: Runtime,
  { key, records }: Target,
  resourceId: string,
  { kept, problems }: Found,
  held: LeaseRef,
): Promise<void> {
  if (records === undefined || problems.length > 0) return
  await untilUndisturbed(async () => {
    const present = await store.getResource(resourceId)
    const live = present?.live[key]
    if (!present || live === undefined || kept.some(({ deployment }) => deployment.id === live.deploymentId)) return
    const owner = await store.getDeployment(live.deploymentId)
    if (owner === null || !isTerminal(owner.status)) return
    const last = kept.filter(isEnded).at(-1)
    const { stateVersion, ...record } = present
    const { [key]: _undone, ...rest } = record.live
    const next = last && { [key]: { deploymentId: last.deployment.id, releaseId: last.release.id } }
    await store.putResource({ ...record, live: { ...rest, ...next }, updatedAt: now() }, stateVersion, {
      guards: [held],
    })
  })
}
