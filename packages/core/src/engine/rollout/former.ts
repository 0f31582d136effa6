import { AppaloftError } from '../../spec/errors.js'
import { rolloutLeaseKey } from '../../spec/lease.js'
import type { Rollout, RolloutHandle } from '../../spec/rollout.js'
import type { Engine } from '../engine.js'
import { holderGone } from '../fences.js'
import { keyTaken } from '../key-taken.js'
import { patiently } from '../leases.js'
import { cancelRollout } from './cancel.js'
import { attemptsOf, attemptWith } from './records.js'
import { settleRollout } from './settle.js'
import { showRollout } from './show.js'

/** The rollout that an earlier call with the same idempotency key began. Null: none. `invalid-input` where a deployment has the key. */
export async function formerRollout(
  { runtime }: Engine,
  resourceId: string | undefined,
  key: string | undefined,
): Promise<string | null> {
  if (key === undefined || resourceId === undefined) return null
  const found = await attemptWith(runtime.store, resourceId, ({ request }) => request.idempotencyKey === key)
  if (found === null) return null
  if (found.request.rollout === undefined) throw keyTaken(found.id, 'deployment')
  return found.request.rollout.id
}

/** A handle of a rollout that was begun before, here or by another process. */
export async function follow(engine: Engine, id: string, signal: AbortSignal | undefined): Promise<RolloutHandle> {
  const onAbort = () => void cancelRollout(engine, id).catch(() => {})
  if (signal?.aborted) onAbort()
  signal?.addEventListener('abort', onAbort, { once: true })
  const own = engine.rollouts.running(id)
  const { made } = await attemptsOf(engine.runtime.store, id)
  const done = (own?.done ?? toItsEnd(engine, id)).finally(() => signal?.removeEventListener('abort', onAbort))
  done.catch(() => {})
  return {
    id,
    get deployments() {
      return own?.conductor.begun ?? made.map((one) => ({ target: one.target, deploymentId: one.id }))
    },
    done,
  }
}

/** Where its conductor died, it is brought to its end here. */
async function toItsEnd(engine: Engine, id: string): Promise<Rollout> {
  const { runtime } = engine
  for (;;) {
    const rollout = await patiently(runtime, () => showRollout(runtime, id))
    if (rollout.status !== null) return rollout
    const lease = await runtime.store.readLease(rolloutLeaseKey(rollout.resourceId))
    if (lease?.holder?.deploymentId === id && holderGone(runtime, lease))
      await settleRollout(engine, rollout.resourceId, lease).catch((error) => {
        if (AppaloftError.isInstance(error) && error.code === 'store-unavailable') throw error
      })
    await runtime.pause(500)
  }
}
