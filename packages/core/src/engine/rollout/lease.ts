import { AppaloftError, hasCode } from '../../spec/errors.js'
import { rolloutLeaseKey } from '../../spec/lease.js'
import type { Engine } from '../engine.js'
import { canceled } from '../errors.js'
import { holderGone } from '../fences.js'
import { cancelRollout } from './cancel.js'
import { type HeldRollout, holdRollout } from './held.js'
import { settleRollout } from './settle.js'

/** One rollout of a resource at a time: two of them would take each other's targets in turn. */
export async function takeRollout(
  engine: Engine,
  resourceId: string,
  rolloutId: string,
  signal: AbortSignal | undefined,
): Promise<HeldRollout> {
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
    const { deploymentId: other } = lease.holder
    if (concurrency === 'reject') {
      throw new AppaloftError('deployment-in-progress', {
        message: `The rollout ${other} of ${resourceId} is running.`,
        details: { rolloutId: other },
      })
    }
    if (concurrency === 'supersede')
      await cancelRollout(engine, other).catch((error) => {
        if (hasCode(error, 'store-unavailable')) throw error
      })
    await runtime.pause(100, signal).catch(() => {})
  }
}
