import { createAppaloft, memoryStore } from '@appaloft/core'
import { expect, it } from 'vitest'
import { engineWith } from '../../test/mutants.js'
import { describeFailure, replay, simulate } from './index.js'

// A machine that is elsewhere: what is looked at ahead, read early, and asked for while a promotion is under way.

const subject = { createAppaloft, store: memoryStore }
const sample = Number(process.env.APPALOFT_SEED ?? 7_700_000)
const runs = Number(process.env.APPALOFT_RUNS ?? 60)

it.each([
  ['of one store', { stores: 1, records: false }],
  ['of two stores, of whose releases it tells', { stores: 2, records: true }],
])('engines %s keep their promises on a machine elsewhere', { timeout: 600_000 }, async (_, options) => {
  const report = await simulate({ ...subject, seed: sample, runs, far: true, ...options })
  const { seed, steps, seconds, covered } = report
  const rate = Math.round(report.runs / seconds)
  console.log(`${report.runs} runs from seed ${seed} (APPALOFT_SEED chooses it), ${steps} steps, ${rate} runs/s`)
  expect(report.failure && describeFailure(report.failure)).toBeNull()
  expect(covered['looked-ahead']).toBeGreaterThan(0)
  expect(covered['asked-early']).toBeGreaterThan(runs / 2)
})

/** Each once made an engine break a promise. */
it.each([
  [41_829, true],
  [50_999, false],
])('two stores keep them in the schedule of seed %i (the machine tells of its releases: %s)', async (seed, records) => {
  const report = await simulate({ ...subject, seed, runs: 1, stores: 2, records, far: true })
  expect(report.failure && describeFailure(report.failure)).toBeNull()
})

it('finds that access is asked early with the token, to which a candidate answers', { timeout: 300_000 }, async () => {
  const edits = {
    'engine/phases/early-answer.ts': [['{ token: false, signal }', '{ signal }']],
  } as const
  const report = await simulate({ ...(await engineWith(edits)), seed: 650, runs: 2000, far: true, shrinkRuns: 0 })
  console.log(`found after ${report.runs} seeds (${report.failure?.violation.invariant})`)
  if (report.failure === null) throw new Error('It was not found.')
  expect((await replay(subject, report.failure.found, { far: true })).violation).toBeUndefined()
})
