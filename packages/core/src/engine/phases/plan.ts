import type { OpenedSource } from '../../sources/index.js'
import { AppaloftError } from '../../spec/errors.js'
import type { Reason } from '../../spec/reasons.js'
import type { Attempt } from '../attempt.js'
import { detect, type PlanInput } from '../detecting.js'
import { planDetected } from '../planning.js'
import { cleaned } from '../redaction.js'
import { enter } from './enter.js'

/** A plan that is blocked: the attempt ends with the first reason's code and phase. */
export class BlockedPlan extends AppaloftError {
  constructor(readonly reason: Reason) {
    super(reason.code, { message: reason.message, phase: reason.phase })
  }
}

/** detect → plan. Answers with the source, opened, for the build. */
export async function detectAndPlan(attempt: Attempt, startedAt: string): Promise<OpenedSource | null> {
  const { runtime, record, target, signal } = attempt
  await enter(attempt, 'detecting', 'detect', { startedAt })
  const { gitRef, commitSha } = record.request
  const input = {
    definition: record.definition,
    target,
    signal,
    ...(gitRef ? { gitRef } : {}),
    ...(commitSha ? { commitSha } : {}),
  }
  const reading = (one: PlanInput) => detect(runtime, one)
  const found = await (attempt.hooks.read?.(input, reading) ?? reading(input))
  signal.throwIfAborted()
  attempt.defer({ set: { sourceIdentity: found.identity } })
  const early = found.reasons.find((one) => one.phase === 'detect')
  if (early !== undefined) throw new BlockedPlan(early)
  await enter(attempt, 'planning', 'plan')
  attempt.hooks.compare?.(found)
  const { preview, plan } = await planDetected(runtime, input, found)
  signal.throwIfAborted()
  const { fingerprint } = preview
  attempt.defer({ set: { planFingerprint: fingerprint } })
  if (record.request.fingerprint !== undefined && record.request.fingerprint !== fingerprint) {
    throw new AppaloftError('plan-stale', {
      phase: 'plan',
      details: { expected: record.request.fingerprint, present: fingerprint },
    })
  }
  const events = preview.warnings.map(({ code, message }) =>
    attempt.event({ type: 'warning', level: 'warn', message, data: { code } }),
  )
  attempt.defer({
    set: { warnings: cleaned(attempt.redact, preview.warnings), ...(plan === null ? {} : { plan }) },
    events,
  })
  const [first] = preview.unsupportedReasons
  if (first !== undefined || plan === null) throw new BlockedPlan(first!)
  // Before the lease is asked for: whoever finds this attempt later needs its plan.
  await attempt.commit({})
  return found.opened
}
