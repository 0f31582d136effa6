import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError, hasCode } from '../spec/errors.js'
import type { Phase } from '../spec/phases.js'
import type { RouteTable } from '../spec/proxy.js'
import { reason } from '../spec/reasons.js'
import type { ReleaseRecord } from '../spec/release.js'
import { acquireResource, found, raiseOwnFences, settleOpen } from './acquire.js'
import type { Attempt } from './attempt.js'
import { earlyMarks } from './early-marks.js'
import { endElsewhere, endOvertaken, endSuperseded, finish } from './ending.js'
import { isLost, toAppaloftError } from './errors.js'
import { failureOf } from './failure.js'
import type { Known } from './phases/ask-route.js'
import { drain } from './phases/drain.js'
import { lookForDrain } from './phases/drain-looks.js'
import type { EarlyAnswer } from './phases/early-answer.js'
import { entering } from './phases/enter.js'
import { makeRelease, startCandidate } from './phases/execute.js'
import { foretell } from './phases/inputs.js'
import { BlockedPlan, detectAndPlan } from './phases/plan.js'
import { promote } from './phases/promote.js'
import { endStatus, rollback } from './phases/rollback.js'
import { servedAgain, stillRuns } from './phases/serving.js'
import { sourceOf } from './phases/source.js'
import { checkAccess, verifyCandidate } from './phases/verify.js'
import { redactorOf } from './redaction.js'
import { releaseOf } from './releases.js'
import { retain } from './retention.js'
import { tellEnd } from './telling.js'

/** Runs an attempt to its end: the record tells. Rejects only where the end could not be recorded for long. */
export async function run(attempt: Attempt): Promise<DeploymentRecord> {
  try {
    await forward(attempt)
  } catch (error) {
    try {
      await backward(attempt, error)
    } catch (late) {
      const overtaken = hasCode(error, 'fenced') || hasCode(late, 'fenced')
      // The lease belongs to someone else by now, or the store does not take the end.
      if (!overtaken || !(await endOvertaken(attempt))) {
        await attempt.end()
        attempt.record = await endElsewhere(attempt)
      }
    }
  } finally {
    await attempt.end()
  }
  return attempt.record
}

async function forward(attempt: Attempt): Promise<void> {
  const { runtime, record, target } = attempt
  const { environment } = record.definition
  attempt.redact = await redactorOf(runtime, record.resourceId, environment, record.plan?.environment)
  const startedAt = runtime.now()
  const early = attempt.beside((signal) => earlyMarks(runtime, target, record.resourceId, signal))
  const planned = record.trigger === 'retry' || record.trigger === 'rollback'
  const opened = planned ? null : await detectAndPlan(attempt, startedAt)
  const { plan } = attempt.record
  if (plan === null) throw new AppaloftError('not-retryable')
  const { loser, marks } = await acquireResource(attempt, early)
  const { token } = attempt.resourceLease!
  const { previous } = await found(attempt)
  const coming = record.trigger === 'rollback' ? null : await foretell(attempt, plan, previous)
  const begun = entering(attempt, 'executing', 'execute')
  await attempt.step('execute', 'fence', { token }, () => raiseOwnFences(attempt, marks), {
    set: { token, previous, startedAt: attempt.record.startedAt ?? startedAt, ...begun.set },
    events: begun.events,
  })
  await settleOpen(attempt)
  if (loser !== null) await endSuperseded(runtime, target, attempt.resourceLease!, loser.id, attempt.id)
  const release =
    record.trigger === 'rollback'
      ? await formerRelease(attempt)
      : await makeRelease(attempt, plan, await sourceOf(attempt, plan, opened), coming)
  const beside = await startCandidate(attempt, release)
  attempt.defer(entering(attempt, 'verifying', 'verify'))
  let verified = await verifyCandidate(attempt, release, beside)
  if (attempt.hooks.verified !== undefined) {
    // What was seen before it waited is no longer the last that is known.
    verified = {}
    await attempt.hooks.verified(attempt, async () => void (await verifyCandidate(attempt, release)))
  }
  const promoted = await promote(attempt, release, verified)
  await finishPromoted(attempt, release, { ...promoted, known: verified.known })
}

async function formerRelease(attempt: Attempt): Promise<ReleaseRecord> {
  const former = await releaseOf(attempt.runtime, attempt.record)
  if (former === null || former.state === 'discarded') throw new AppaloftError('release-not-found')
  return former
}

/** What the attempt itself knows of its promotion: whoever takes it up after a crash looks. */
interface Promoted {
  table: RouteTable | null | undefined
  known?: Known | undefined
  early?: EarlyAnswer | undefined
}

/** access → drain → retention → the end: also what reconciliation does for an attempt whose promotion is recorded. */
export async function finishPromoted(attempt: Attempt, release: ReleaseRecord, promoted?: Promoted): Promise<void> {
  const { table, known, early: answered }: Promoted = promoted ?? { table: await servedAgain(attempt, release) }
  const { served } = attempt.hooks
  // What waits for other targets looks when it goes on.
  const early = served === undefined ? lookForDrain(attempt, release) : null
  await checkAccess(attempt, release, known, answered)
  if (served !== undefined) {
    await stillRuns(attempt, release)
    await served(attempt)
  }
  const looks = early ?? lookForDrain(attempt, release)
  const draining = await drain(attempt, release, { looks, table })
  // None needs the others, and all are over before the end is told.
  const { ended, alone } = draining
  const works = [ended, tellEnd(attempt, release), alone, retain(attempt, looks, draining)] as const
  await Promise.allSettled(works)
  const [, untold, ...warnings] = await Promise.all(works)
  if (untold !== null) await attempt.warn(reason('record-not-written', { phase: 'verify', message: untold.message }))
  for (const one of warnings) if (one !== null) await attempt.warn(one)
  await finish(attempt, 'succeeded')
}

/** A failure, a cancel: undo what was done, and say what became of it. */
async function backward(attempt: Attempt, thrown: unknown): Promise<void> {
  const error = toAppaloftError(attempt.signal.aborted && !attempt.settled ? attempt.signal.reason : thrown)
  if (isLost(error)) throw error
  await attempt.known()
  // It serves, and what was there before may be gone: who takes it up goes on from there.
  if (attempt.record.drain !== 'none') throw error
  const blocked = thrown instanceof BlockedPlan && error === thrown ? thrown.reason : undefined
  const present = attempt.present.currentPhase
  const phase: Phase = blocked?.phase ?? present ?? error.phase ?? 'detect'
  const failure = failureOf(attempt, error, phase, blocked)
  attempt.settled = true
  attempt.hooks.failing?.(failure)
  if (error.code === 'canceled' && attempt.record.status !== 'canceling')
    await attempt.commit({ set: { status: 'canceling', cancelRequestedAt: attempt.runtime.now() } })
  const { deploymentId: by } = error.details
  const superseded = error.code === 'superseded' && typeof by === 'string' ? { supersededBy: by } : {}
  if (attempt.record.token !== null) {
    await rollback(attempt, failure)
    attempt.defer({ set: superseded })
  } else {
    const { message, code } = failure
    const event = { type: 'phase-failed' as const, level: 'error' as const, message, data: { code } }
    attempt.defer({
      set: {
        failure,
        ...(present === null ? {} : { currentPhase: phase }),
        ...superseded,
      },
      events: present === null ? [] : [attempt.event({ ...event, phase: present })],
    })
  }
  await finish(attempt, attempt.record.rollback?.outcome === 'failed' ? 'failed' : endStatus(failure), failure)
}
