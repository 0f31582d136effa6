import type { DeploymentRecord } from '../../spec/deployment.js'
import { AppaloftError } from '../../spec/errors.js'
import { resourceLeaseKey } from '../../spec/lease.js'
import { activeStatuses } from '../../spec/phases.js'
import type { RolloutTarget } from '../../spec/rollout.js'
import type { RolloutRef } from '../../spec/rollout-ref.js'
import { begin } from '../begin.js'
import type { Engine } from '../engine.js'
import { existingResource } from '../lookup.js'
import { maintain } from '../maintenance.js'
import { nothingLive, takeDown } from '../remove.js'
import { restoring } from '../restoring.js'
import { targetOf } from '../runtime.js'

type Back = NonNullable<RolloutTarget['rollback']>

/**
 * Takes back what a rollout that failed has brought to some targets: each of them gets what it had before, by an attempt of its own.
 * What is no longer live there, or is about to be replaced by a newer attempt, is left alone. Idempotent.
 */
export async function goBack(
  engine: Engine,
  rollout: RolloutRef,
  made: readonly DeploymentRecord[],
): Promise<Map<string, Back>> {
  const backs = new Map<string, Back>()
  await Promise.all(
    made.map(async (record) => {
      const back = await one(engine, rollout, record).catch((error): Back => {
        if (AppaloftError.isInstance(error) && error.code === 'store-unavailable') throw error
        return { outcome: 'failed', deploymentId: null }
      })
      if (back !== null) backs.set(record.target, back)
    }),
  )
  return backs
}

async function one(engine: Engine, rollout: RolloutRef, record: DeploymentRecord): Promise<Back | null> {
  const { runtime } = engine
  const { store } = runtime
  if (record.status !== 'succeeded') return null
  const { resourceId, previous } = record
  const target = targetOf(runtime, record.target)
  const resource = await existingResource(store, resourceId)
  if (resource.live[target.key]?.deploymentId !== record.id) return null
  const active = await store.listDeployments({ resourceId, target: target.key, statuses: activeStatuses, limit: 1 })
  if (active.length > 0) return null
  if (previous === null) {
    const lease = await store.readLease(resourceLeaseKey(resourceId, target.key))
    const done = await maintain(runtime, target, resourceId, lease, async (held) => {
      await nothingLive(runtime, resourceId, target.key, held)
      await takeDown(runtime, target, resourceId, held.token)
    })
    return { outcome: done ? 'nothing-to-restore' : 'failed', deploymentId: null }
  }
  const release = await store.getRelease(previous.releaseId)
  if (release === null || release.state !== 'retained') return { outcome: 'failed', deploymentId: null }
  const input = await restoring(runtime, resource, release, undefined)
  const request = { ...input.request, rollout: { ...rollout, undoes: record.id } }
  const { id, done } = await begin(engine, target, { ...input, request })
  return { outcome: (await done).status === 'succeeded' ? 'restored' : 'failed', deploymentId: id }
}
