import { AppaloftError, hasCode } from '../../spec/errors.js'
import { rolloutLeaseKey } from '../../spec/lease.js'
import type { Engine } from '../engine.js'
import { canceled } from '../errors.js'
import { holderGone } from '../fences.js'
import { cancelRollout } from './cancel.js'
import { type HeldRollout, holdRollout } from './held.js'
import { attemptsOf } from './records.js'
import { settleRollout } from './settle.js'

/**
 * One rollout of a resource at a time: two of them would take each other's targets in turn.
 *
 * @param key of the one that is to begin. Answers with the id of the one that holds it where that has the same key.
 */
export async function takeRollout(
  engine: Engine,
  resourceId: string,
  rolloutId: string,
  signal: AbortSignal | undefined,
  key?: string,
): Promise<HeldRollout | string> {
  const { runtime } = engine
  const { store, concurrency } = runtime
  for (;;) {
    if (signal?.aborted) throw canceled()
    const lease = await store.readLease(rolloutLeaseKey(resourceId))
    if (!lease?.holder) {
      const held = await holdRollout(runtime, resourceId, rolloutId, lease)
      if (held !== null) return held
      continue
    }
    if (holderGone(runtime, lease) && (await settleRollout(engine, resourceId, lease))) continue
    const { deploymentId: present } = lease.holder
    const [first] = key === undefined ? [] : (await attemptsOf(store, present, resourceId)).made
    if (first !== undefined && first.request.idempotencyKey === key) return present
    // What has recorded no attempt yet may turn out to be the same.
    const other = key === undefined || first !== undefined
    if (other && concurrency === 'reject') {
      throw new AppaloftError('deployment-in-progress', {
        message: `The rollout ${present} of ${resourceId} is running.`,
        details: { rolloutId: present },
      })
    }
    if (other && concurrency === 'supersede')
      await cancelRollout(engine, present).catch((error) => {
        if (hasCode(error, 'store-unavailable')) throw error
      })
    await runtime.pause(100, signal).catch(() => {})
  }
}
