import type { ErrorCode } from '../spec/codes.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import type { NewEvent } from '../spec/events.js'
import { type Phase, rollbackSteps, type Step, verifySteps } from '../spec/phases.js'
import type { Attempt } from './attempt.js'

const has = (steps: readonly string[], step: Step): boolean => steps.includes(step)
const phaseOf = (step: Step): Phase =>
  has(rollbackSteps, step) ? 'rollback' : has(verifySteps, step) ? 'verify' : 'execute'

/** The step that began and has no end: whoever goes on with another process' attempt tells its end first. */
export function openStep({ journal }: Pick<DeploymentRecord, 'journal'>, at: string, code: ErrorCode): NewEvent[] {
  if (journal?.state !== 'intended') return []
  const { step } = journal
  return [{ type: 'step-failed', at, phase: phaseOf(step), step, level: 'error', data: { code } }]
}

/** The same for the own attempt, when it goes another way in the middle of a step. */
export async function endOpenStep(attempt: Attempt, code: ErrorCode): Promise<void> {
  await attempt.known()
  const { journal } = attempt.present
  const events = openStep(attempt.present, attempt.runtime.now(), code)
  if (journal !== null && events.length > 0)
    attempt.defer({ set: { journal: { ...journal, state: 'failed' } }, events })
}

/** Step and phase that began and have no end: every `-started` has its end before `deployment-finished`. */
export function openEnds(record: DeploymentRecord, at: string, code: ErrorCode): NewEvent[] {
  const { status, rollback, currentPhase } = record
  // The end of a rollback is told with its outcome.
  const phase = status !== 'rolling-back' ? currentPhase : rollback === undefined ? 'rollback' : null
  const open: NewEvent[] = phase === null ? [] : [{ type: 'phase-failed', at, phase, level: 'error', data: { code } }]
  return [...openStep(record, at, code), ...open]
}
