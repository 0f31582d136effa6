import { discardCopies } from '../sources/index.js'
import { AppaloftError } from '../spec/errors.js'
import { reason } from '../spec/reasons.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { Attempt } from './attempt.js'

/** Retained releases by their last promotion, newest first. */
export const byPromotion = (releases: readonly ReleaseRecord[]): ReleaseRecord[] =>
  [...releases].sort((a, b) => (b.promotedOrder ?? 0) - (a.promotedOrder ?? 0))

/** Lets go of what is beyond retention: releases, what they were built into, copies of sources. A failure is a warning. */
export async function retain(attempt: Attempt): Promise<void> {
  const { runtime, record, target } = attempt
  try {
    const all = await runtime.store.listReleases({ resourceId: record.resourceId, target: target.key })
    const kept = byPromotion(all.filter((one) => one.state === 'retained')).slice(0, runtime.retention)
    const running = new Set((await target.list(record.resourceId)).map((one) => one.releaseId))
    for (const one of all) {
      if (kept.includes(one) || running.has(one.id) || one.id === record.releaseId) continue
      await target.discard(one, attempt.token, { retained: kept })
      await runtime.store.removeRelease(one.id)
    }
    await discardCopies(runtime.stateDir, new Set(kept.map((one) => one.plan.source.digest)))
  } catch (error) {
    if (AppaloftError.isInstance(error) && (error.code === 'fenced' || error.code === 'lease-lost')) throw error
    const warning = reason('retention-failed', {
      phase: 'verify',
      message: `Old releases could not be removed: ${error instanceof Error ? error.message : String(error)}`,
    })
    await attempt.commit({
      set: { warnings: [...record.warnings, warning] },
      events: [
        attempt.event({ type: 'warning', level: 'warn', message: warning.message, data: { code: warning.code } }),
      ],
    })
  }
}
