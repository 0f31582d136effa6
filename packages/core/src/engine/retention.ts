import { AppaloftError } from '../spec/errors.js'
import { type Reason, reason } from '../spec/reasons.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { Attempt } from './attempt.js'
import { isLost } from './errors.js'
import { patiently } from './leases.js'
import { forgetSecrets, sweepCopies } from './leftovers.js'
import type { Draining } from './phases/drain.js'
import type { DrainLooks } from './phases/drain-looks.js'
import { tellKept } from './telling.js'

/** Retained releases by their last promotion, newest first. */
export const byPromotion = (releases: readonly ReleaseRecord[]): ReleaseRecord[] =>
  [...releases].sort((a, b) => (b.promotedOrder ?? 0) - (a.promotedOrder ?? 0))

/**
 * Lets go of what is beyond retention: releases, what they were built into, copies of sources, versions of secrets. It goes beside the drain,
 * but for what that has yet to stop.
 *
 * @returns a warning, for the end of the drain; null: nothing failed
 */
export async function retain(
  attempt: Attempt,
  looks: Pick<DrainLooks, 'things' | 'records'>,
  { ended }: Draining,
): Promise<Reason | null> {
  const { runtime, record, target } = attempt
  const { store } = runtime
  try {
    const all = await store.listReleases({ resourceId: record.resourceId, target: target.key })
    const kept = byPromotion(all.filter((one) => one.state === 'retained')).slice(0, runtime.retention)
    const [seen, lying] = await Promise.all([looks.things(), looks.records()])
    const surplus = all.filter((one) => !kept.includes(one) && one.id !== record.releaseId)
    let things = seen
    if (surplus.some(({ id }) => things.some((one) => one.releaseId === id))) {
      await ended
      things = await target.list(record.resourceId)
    }
    const running = new Set(things.map((one) => one.releaseId))
    const beyond = surplus.filter((one) => !running.has(one.id))
    if (beyond.length === 0) {
      await tellKept(attempt, lying, all)
      return null
    }
    // The intent first: what is gone in part is nothing to go back to.
    await attempt.commit({ releases: beyond.map((one) => ({ ...one, state: 'discarded' })) })
    const retained = all.filter((one) => !beyond.includes(one))
    // No machine names what can no longer be started.
    await tellKept(attempt, lying, retained)
    for (const one of beyond) {
      await target.discard(one, attempt.token, { retained })
      await patiently(runtime, () => store.removeRelease(one.id))
    }
    await forgetSecrets(runtime, record.resourceId)
    if (beyond.some((one) => one.plan.source.kind !== 'docker-image')) await sweepCopies(runtime)
    return null
  } catch (error) {
    if (isLost(error)) throw error
    const why = AppaloftError.isInstance(error) || error instanceof Error ? error.message : String(error)
    const message = `Old releases could not be removed: ${why}`
    return reason('retention-failed', { phase: 'verify', message })
  }
}
