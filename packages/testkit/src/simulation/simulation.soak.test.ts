import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createAppaloft, memoryStore } from '@appaloft/core'
import { expect, it } from 'vitest'
import { faults } from '../../test/faults.js'
import { engineWith } from '../../test/mutants.js'
import { describeFailure, simulate } from './index.js'

const wanted = Number(process.env.APPALOFT_SIMULATION_RUNS ?? 100_000)
const chunk = 1000

/** What was done so far: a run that is broken off is gone on with by the next. */
const file = resolve(import.meta.dirname, '../../../../.cache/simulation.json')
const chance = () => Math.floor(Math.random() * 1_000_000_000)
interface Progress {
  seed: number
  runs: number
  steps: number
  seconds: number
}
function progress(): Progress {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Progress
  } catch {
    return { seed: Number(process.env.APPALOFT_SEED ?? chance()), runs: 0, steps: 0, seconds: 0 }
  }
}

it(`the engine keeps its promises in ${wanted} schedules`, async () => {
  const done = progress()
  mkdirSync(dirname(file), { recursive: true })
  console.log(`simulation: from seed ${done.seed}, ${done.runs} runs are done`)
  while (done.runs < wanted) {
    const runs = Math.min(chunk, wanted - done.runs)
    const report = await simulate({
      createAppaloft,
      store: memoryStore,
      seed: done.seed + done.runs,
      runs,
      shrinkRuns: 5000,
    })
    expect(report.failure && describeFailure(report.failure)).toBeNull()
    done.runs += report.runs
    done.steps += report.steps
    done.seconds += report.seconds
    writeFileSync(file, JSON.stringify(done))
    if (done.runs % (10 * chunk) === 0) console.log(`simulation: ${done.runs} runs, ${done.steps} steps`)
  }
  rmSync(file, { force: true })
  const rate = Math.round(done.runs / done.seconds)
  console.log(`simulation: ${done.runs} runs from seed ${done.seed}, ${done.steps} steps, ${rate} runs/s, 0 violations`)
})

const rare = Object.entries(faults).filter(([, fault]) => fault.rare)
it.each(rare)('finds that %s', async (name, { edits }) => {
  const report = await simulate({ ...(await engineWith(edits)), seed: 1, runs: 30_000, shrinkRuns: 0 })
  console.log(`found after ${report.runs} seeds (${report.failure?.violation.invariant}): ${name}`)
  expect(report.failure).not.toBeNull()
})
