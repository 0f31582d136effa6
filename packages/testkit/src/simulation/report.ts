import type { Violation } from './invariants/words.js'
import type { Script } from './script.js'

export interface SimulationFailure {
  /** Of the run that failed. */
  seed: number
  violation: Violation
  /** The run as it was found: `replay` of it gives the same violation. */
  found: Script
  /** The shortest run that was found to violate the same invariant, and what it violated. */
  shortest: Script
  shortestViolation: Violation
  /** What happened in the shortest run, a line a call. */
  trace: string[]
}

const count = (number: number, one: string) => `${number} ${one}${number === 1 ? '' : 's'}`

/** For people: what was violated, by which seed, the shortest way to see it again, and what happened on it. */
export function describeFailure(failure: SimulationFailure): string {
  const { seed, violation, shortest, shortestViolation, trace, found } = failure
  const { setup, deviations = {} } = shortest
  const moves = setup.users.flat().length
  return [
    `Seed ${seed} violates ${violation.invariant}: ${violation.words}`,
    `  ${violation.message}`,
    '',
    `The shortest run found: ${count(setup.engines, 'engine')}, ${count(moves, 'move')}, ${count(Object.keys(deviations).length, 'deviation')}, ${count(shortestViolation.step, 'step')}.`,
    `  ${shortestViolation.message}`,
    '',
    ...trace,
    '',
    'To see it again:',
    '',
    `await replay({ createAppaloft, store: memoryStore }, ${JSON.stringify(shortest)})`,
    '',
    'The run as it was found:',
    '',
    `await replay({ createAppaloft, store: memoryStore }, ${JSON.stringify({ setup: found.setup, seed: found.seed })})`,
  ].join('\n')
}
