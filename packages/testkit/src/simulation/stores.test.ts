import { createAppaloft, memoryStore } from '@appaloft/core'
import { describe, expect, it } from 'vitest'
import { type Edits, engineWith } from '../../test/mutants.js'
import { describeFailure, replay, simulate } from './index.js'

const subject = { createAppaloft, store: memoryStore }
const sample = Number(process.env.APPALOFT_SEED ?? 7_500_000)
const runs = Number(process.env.APPALOFT_RUNS ?? 150)

describe('engines that share a machine and no store', () => {
  it('keep their promises in random schedules', { timeout: 600_000 }, async () => {
    const report = await simulate({ ...subject, seed: sample, runs, stores: 2 })
    const { seed, steps, seconds } = report
    const rate = Math.round(report.runs / seconds)
    console.log(`${report.runs} runs from seed ${seed} (APPALOFT_SEED chooses it), ${steps} steps, ${rate} runs/s`)
    expect(report.failure && describeFailure(report.failure)).toBeNull()
  })
})

/** Each once made an engine break a promise. */
const seeds = [7, 881, 7_500_044, 7_500_091, 8_100_265]

it.each(seeds)('keep them in the schedule of seed %i', async (seed) => {
  const report = await simulate({ ...subject, seed, runs: 1, stores: 2 })
  expect(report.failure && describeFailure(report.failure)).toBeNull()
})

/** Deliberate faults of the engine, each of which only another store's engine meets. */
const faults: Record<string, Edits> = {
  'what another store deployed is put right': {
    'engine/machine.ts': [
      ['if (lease === undefined || table?.live == null) return false', 'return false'],
      ['if (await isForeign(runtime, target, resourceId, machine)) return true', 'return false'],
    ],
  },
  'a candidate is staged without what another store serves': {
    'engine/routes.ts': [['  if (await isStrange(attempt.runtime, target, table)) return table\n', '']],
  },
  'what nobody knows is removed': {
    'engine/machine.ts': [
      ['owner === null ? lease === undefined || records !== undefined :', 'owner === null ? true :'],
    ],
  },
}

it.each(Object.entries(faults))('finds that %s', { timeout: 300_000 }, async (name, edits) => {
  const report = await simulate({ ...(await engineWith(edits)), seed: 1, runs: 5000, stores: 2, shrinkRuns: 0 })
  console.log(`found after ${report.runs} seeds (${report.failure?.violation.invariant}): ${name}`)
  if (report.failure === null) throw new Error('It was not found.')
  expect((await replay(subject, report.failure.found)).violation).toBeUndefined()
})
