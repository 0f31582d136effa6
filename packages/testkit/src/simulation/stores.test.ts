import { createAppaloft, memoryStore } from '@appaloft/core'
import { describe, expect, it } from 'vitest'
import { type Edits, engineWith } from '../../test/mutants.js'
import { describeFailure, replay, simulate } from './index.js'

const subject = { createAppaloft, store: memoryStore }
const sample = Number(process.env.APPALOFT_SEED ?? 7_500_000)
const runs = Number(process.env.APPALOFT_RUNS ?? 100)

describe('engines that share a machine and no store', () => {
  it.each([
    ['in random schedules', { stores: 2, records: false }],
    ['where the machine tells of its releases', { stores: 2, records: true }],
    ['where it tells of them, and there is one store', { stores: 1, records: true }],
  ])('keep their promises %s', { timeout: 600_000 }, async (_, options) => {
    const report = await simulate({ ...subject, seed: sample, runs, ...options })
    const { seed, steps, seconds, covered } = report
    const rate = Math.round(report.runs / seconds)
    console.log(`${report.runs} runs from seed ${seed} (APPALOFT_SEED chooses it), ${steps} steps, ${rate} runs/s`)
    expect(report.failure && describeFailure(report.failure)).toBeNull()
    if (options.records && options.stores > 1) expect(covered.adopted).toBeGreaterThan(runs / 10)
  })
})

/** Each once made an engine break a promise. */
const seeds = [7, 881, 5670, 7_500_044, 7_500_091, 8_100_265]

it.each(seeds)('keep them in the schedule of seed %i', async (seed) => {
  const report = await simulate({ ...subject, seed, runs: 1, stores: 2 })
  expect(report.failure && describeFailure(report.failure)).toBeNull()
})

const seedsWithRecords = [
  23, 95, 97, 308, 821, 869, 1147, 10_417, 12_179, 12_544, 13_274, 20_750, 21_022, 21_110, 22_702, 23_299, 23_536,
  23_754, 24_340, 24_861, 123_065,
]

it.each(seedsWithRecords)(
  'keep them in the schedule of seed %i, where the machine tells of its releases',
  async (seed) => {
    const report = await simulate({ ...subject, seed, runs: 1, stores: 2, records: true })
    expect(report.failure && describeFailure(report.failure)).toBeNull()
  },
)

/** Deliberate faults of the engine, each of which only another store's engine meets. */
const faults: Record<string, Edits> = {
  'what another store deployed is put right': {
    'engine/machine.ts': [
      ['if (lease === undefined || table?.live == null) return false', 'return false'],
      ['if (await isForeign(runtime, target, resourceId, machine)) return true', 'return false'],
    ],
  },
  'a candidate is staged without what another store serves': {
    'engine/routes.ts': [
      ['  if (table !== null && (await isStrange(attempt.runtime, target, table))) {', '  if (table === undefined) {'],
    ],
  },
  'what nobody knows is removed': {
    'engine/machine.ts': [['return lease === undefined\n', 'return true\n']],
  },
}

/** Of those that are met seldom, where to look. */
const seedsOf: Record<string, number> = {
  'what has ended since it was read is taken up': 23_754,
  'what another store has undone is live': 23_536,
  'what the machine tells of is nobody’s': 22_702,
}

/** And those that are met only where the machine tells of its releases. */
const faultsWithRecords: Record<string, Edits> = {
  'what has ended since it was read is taken up': {
    'engine/take-up.ts': [
      ['const present = found.kept.find(({ deployment }) => deployment.id === id)', 'const present = open'],
      ['present !== undefined && !isEnded(present)', 'true'],
    ],
  },
  'what another store has undone is live': {
    'engine/undone.ts': [['if (records === undefined ||', 'if (records !== undefined ||']],
  },
  'what the machine tells of is nobody’s': {
    'engine/machine.ts': [['return told.every(({ name }) => name !== deploymentId)', 'return told !== null']],
  },
  'what another store took up has no beginning': {
    'engine/take-up.ts': [["    { type: 'phase-started', ...verify },\n", '']],
  },
  'the machine is not told of an end': {
    'engine/telling.ts': [
      ['  const at = attempt.runtime.now()\n', '  const at = attempt.runtime.now()\n  if (at) return null\n'],
    ],
  },
}

it.each([
  ...Object.entries(faults).map(([name, edits]) => [name, edits, false] as const),
  ...Object.entries(faultsWithRecords).map(([name, edits]) => [name, edits, true] as const),
])('finds that %s', { timeout: 300_000 }, async (name, edits, records) => {
  const subjected = await engineWith(edits)
  const seed = seedsOf[name] ?? 1
  const report = await simulate({ ...subjected, seed, runs: 5000, stores: 2, records, shrinkRuns: 0 })
  console.log(`found after ${report.runs} seeds (${report.failure?.violation.invariant}): ${name}`)
  if (report.failure === null) throw new Error('It was not found.')
  expect((await replay(subject, report.failure.found, { records })).violation).toBeUndefined()
})
