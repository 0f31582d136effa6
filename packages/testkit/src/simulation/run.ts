import type { Violation } from './invariants/words.js'
import { scenario } from './scenario.js'
import type { Deviation, Script } from './script.js'
import { Simulation, type Subject } from './simulation.js'

export interface Outcome {
  script: Script
  violation: Violation | undefined
  steps: number
  /** Virtual milliseconds. */
  ms: number
  covered: ReadonlyMap<string, number>
  trace: string[]
  /** What was decided by chance, where that was asked for. */
  deviations: Record<string, Deviation>
}

const mostSteps = 200_000

/** One run. The same script gives the same run. */
export async function run(
  subject: Subject,
  script: Script,
  options: { trace?: boolean; record?: boolean } = {},
): Promise<Outcome> {
  const { trace = false, record = false } = options
  const simulation = new Simulation(subject, script, { trace, record })
  let over = false
  const stray = (error: unknown) =>
    simulation.violate(
      'no-stray-rejection',
      error instanceof Error ? `${error.message}\n${error.stack}` : String(error),
    )
  process.on('unhandledRejection', stray)
  try {
    let thrown: unknown
    scenario(simulation)
      .catch((error) => {
        thrown = error
      })
      .finally(() => {
        over = true
      })
    await simulation.scheduler.drive(() => {
      if (over || simulation.violation !== undefined) return false
      if (simulation.scheduler.steps < (script.steps ?? mostSteps)) return true
      if (script.steps === undefined) simulation.violate('everything-ends', `It goes on after ${mostSteps} steps.`)
      return false
    })
    // A turn of the event loop: rejections that nobody listens to are told now.
    await new Promise<void>((resolve) => setImmediate(resolve))
    if (thrown !== undefined && simulation.violation === undefined) throw thrown
    if (!over && simulation.violation === undefined && script.steps === undefined)
      simulation.violate('everything-ends', 'Nothing is left to happen, and somebody waits.')
  } finally {
    process.off('unhandledRejection', stray)
  }
  return {
    script,
    violation: simulation.violation,
    steps: simulation.scheduler.steps,
    ms: simulation.now,
    covered: simulation.covered,
    trace: simulation.trace,
    deviations: simulation.decisions.made,
  }
}
