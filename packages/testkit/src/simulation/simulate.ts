import { generate } from './generate.js'
import type { Violation } from './invariants/words.js'
import type { SimulationFailure } from './report.js'
import { type Outcome, run } from './run.js'
import type { Script } from './script.js'
import { shrink } from './shrink.js'
import type { Subject } from './simulation.js'

export interface SimulationOptions extends Subject {
  /** The seed of the first run, a whole number; each further run has the next one. Default: by chance, told in the report. */
  seed?: number
  /** How many runs. Default 1,000. */
  runs?: number
  /** Stops earlier, after so many seconds of real time. Default: never. */
  seconds?: number
  /** The most engines of a run. Default 4. */
  engines?: number
  /** How many stores the engines share the machine from, each engine with one of them. Default 1. */
  stores?: number
  /** The machine keeps records of its releases, which stores adopt. Default false. */
  records?: boolean
  /** The machine is elsewhere: what its engines look at ahead, and ask for early, is part of the runs. Default false. */
  far?: boolean
  /** How many runs may be spent on looking for the shortest one that fails. Default 1,500; 0: none. */
  shrinkRuns?: number
  /** Called after each run. */
  onRun?(run: { seed: number; runs: number; steps: number }): void
}

export interface SimulationReport {
  /** Of the first run. */
  seed: number
  runs: number
  /** Calls and waits of all engines that were carried out, one at a time. */
  steps: number
  /** Real seconds. */
  seconds: number
  /** How often what was met: verbs, faults, statuses, outcomes of rollbacks, codes of refusals. */
  covered: Record<string, number>
  /** The first violation ends the simulation. Null: there was none. */
  failure: SimulationFailure | null
}

/**
 * Runs random schedules of engines that share a store, a machine and a proxy, all simulated, and checks the invariants after every step.
 *
 * @example
 * const report = await simulate({ createAppaloft, store: memoryStore, runs: 1000 })
 * if (report.failure) throw new Error(describeFailure(report.failure))
 */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const {
    seed: first = Math.floor(Math.random() * 1_000_000_000),
    runs: wanted = 1000,
    engines = 4,
    stores = 1,
    records = false,
    far = false,
  } = options
  const began = performance.now()
  const covered: Record<string, number> = {}
  const report = { seed: first, runs: 0, steps: 0, seconds: 0, covered, failure: null as SimulationFailure | null }
  const seconds = () => (performance.now() - began) / 1000
  for (let seed = first; seed < first + wanted; seed++) {
    if (options.seconds !== undefined && seconds() >= options.seconds) break
    const script = { setup: generate(seed, { engines, stores, records, far }), seed }
    const outcome = await run(options, script)
    report.runs++
    report.steps += outcome.steps
    for (const [what, times] of outcome.covered) covered[what] = (covered[what] ?? 0) + times
    options.onRun?.({ seed, runs: report.runs, steps: report.steps })
    if (outcome.violation === undefined) continue
    report.failure = await failureOf(options, script, outcome.violation)
    break
  }
  report.seconds = seconds()
  return report
}

async function failureOf(options: SimulationOptions, script: Script, violation: Violation): Promise<SimulationFailure> {
  const { deviations } = await run(options, script, { record: true })
  const found = { ...script, deviations }
  const { script: shortest } = await shrink(options, found, violation.invariant, options.shrinkRuns ?? 1500)
  const again = await run(options, shortest, { trace: true })
  return {
    seed: script.seed,
    violation,
    found: script,
    shortest,
    shortestViolation: again.violation ?? violation,
    trace: again.trace,
  }
}

/** One run again, told call by call: of a script, as a failure names it, or of a seed. */
export function replay(
  subject: Subject,
  script: Script | number,
  {
    engines = 4,
    stores = 1,
    records = false,
    far = false,
  }: Pick<SimulationOptions, 'engines' | 'stores' | 'records' | 'far'> = {},
): Promise<Outcome> {
  const given =
    typeof script === 'number' ? { setup: generate(script, { engines, stores, records, far }), seed: script } : script
  return run(subject, given, { trace: true, record: true })
}
