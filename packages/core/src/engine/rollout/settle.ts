import type { ReconcileReport } from '../../spec/api.js'
import { type Lease, rolloutLeaseKey } from '../../spec/lease.js'
import { isTerminal } from '../../spec/phases.js'
import type { Engine } from '../engine.js'
import { toAppaloftError } from '../errors.js'
import { holderGone, untilKnown } from '../fences.js'
import { goBack } from './back.js'
import { holdRollout } from './held.js'
import { attemptsOf } from './records.js'
import { everywhere } from './verdict.js'

/** After reconciliation of the attempts: rollouts whose conductor is gone are all or none, where they were to be. */
export async function settleRollouts(
  engine: Engine,
  report: ReconcileReport,
  options: { signal?: AbortSignal; thorough?: boolean } = {},
): Promise<ReconcileReport> {
  const { runtime } = engine
  const { store } = runtime
  for (const { id } of await store.listResources()) {
    try {
      const key = rolloutLeaseKey(id)
      await untilKnown(runtime, key, options)
      const lease = await store.readLease(key)
      if (lease?.holder && holderGone(runtime, lease)) await settleRollout(engine, id, lease, report)
    } catch (error) {
      options.signal?.throwIfAborted()
      const { code, message } = toAppaloftError(error)
      report.problems.push({ resourceId: id, code, message })
    }
  }
  return report
}

/** False: it is not at its end. Some attempt of it still runs, or someone else was faster. */
export async function settleRollout(
  engine: Engine,
  resourceId: string,
  lease: Lease,
  report?: ReconcileReport,
): Promise<boolean> {
  const { runtime } = engine
  const { store, engineId } = runtime
  const id = lease.holder?.deploymentId ?? ''
  const held = await holdRollout(runtime, resourceId, id, lease)
  if (held === null) return false
  let over = false
  try {
    const all = await attemptsOf(store, id, resourceId)
    for (const one of [...all.made, ...all.undoing])
      if (!isTerminal(one.status)) await runtime.recover(one.id, engineId)
    const { made, undoing } = await attemptsOf(store, id, resourceId)
    if ([...made, ...undoing].some((one) => !isTerminal(one.status))) return false
    const ref = made[0]?.request.rollout
    const whole = ref === undefined || everywhere(ref, made, ({ status }) => status === 'succeeded')
    if (!whole && (ref.promote === 'together' || ref.onFailure === 'rollback')) {
      for (const [target, { outcome }] of await goBack(engine, ref, made))
        if (outcome === 'failed')
          report?.problems.push({
            resourceId,
            code: 'rollback-failed',
            message: `${target} could not be taken back after the rollout ${id} failed.`,
          })
    }
    over = true
    return true
  } finally {
    await held.end(over)
  }
}
