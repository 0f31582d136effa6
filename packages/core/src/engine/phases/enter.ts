import type { Phase, Status } from '../../spec/phases.js'
import type { Commit } from '../../spec/store.js'
import type { Attempt } from '../attempt.js'

/** The former phase has succeeded, the next one begins: told together with the next boundary. */
export function entering(attempt: Attempt, status: Status, phase: Phase) {
  const former = attempt.present.currentPhase
  return {
    set: { status, currentPhase: phase },
    events: [
      ...(former === null ? [] : [attempt.event({ type: 'phase-succeeded', phase: former })]),
      attempt.event({ type: 'phase-started', phase }),
    ],
  }
}

export async function enter(attempt: Attempt, status: Status, phase: Phase, also: Commit['set'] = {}): Promise<void> {
  const { set, events } = entering(attempt, status, phase)
  await attempt.commit({ set: { ...also, ...set }, events })
}
