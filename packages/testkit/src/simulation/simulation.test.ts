import { createAppaloft, memoryStore } from '@appaloft/core'
import { describe, expect, it } from 'vitest'
import { faults } from '../../test/faults.js'
import { engineWith } from '../../test/mutants.js'
import { describeFailure, replay, simulate } from './index.js'

// The same sample in every run of the tests; the soak takes another one each time.
const seed = Number(process.env.APPALOFT_SEED ?? 7_000_000)
const subject = { createAppaloft, store: memoryStore }

describe('the engine, simulated', () => {
  it('keeps its promises in random schedules', { timeout: 1_200_000 }, async () => {
    const report = await simulate({ ...subject, seed, runs: 1500 })
    const { runs, steps, seconds } = report
    console.log(
      `seed ${seed} (APPALOFT_SEED repeats it): ${runs} schedules, ${steps} steps, ${(runs / seconds).toFixed(0)} a second`,
    )
    if (report.failure !== null) throw new Error(describeFailure(report.failure))
    for (const what of ['create', 'retry', 'rollback', 'redeploy', 'cancel', 'remove', 'reconcile', 'prune'])
      expect(
        Object.keys(report.covered).filter((one) => one.includes(what)),
        what,
      ).not.toEqual([])
  })

  it('goes the same way again with the same seed', async () => {
    const once = await simulate({ ...subject, seed: 7, runs: 5 })
    const twice = await simulate({ ...subject, seed: 7, runs: 5 })
    expect([twice.steps, twice.covered]).toEqual([once.steps, once.covered])
  })
})

// The first ones here, all of them in the soak.
const chosen = Object.entries(faults).slice(0, 10)

describe('a deliberate fault of the engine is found', () => {
  it.each(chosen)('%s', { timeout: 1_200_000 }, async (name, edits) => {
    const faulty = await engineWith(edits)
    const { failure, runs } = await simulate({ ...faulty, seed: 1, runs: 3000, shrinkRuns: 150 })
    console.log(`${name}: ${failure?.violation.invariant ?? 'not found'} after ${runs} schedules`)
    if (failure === null) throw new Error('It was not found.')
    // The shortest way to see it shows it again, and the engine as it is does not have it.
    expect((await replay(faulty, failure.shortest)).violation?.invariant).toBe(failure.shortestViolation.invariant)
    expect((await replay(subject, failure.found)).violation).toBeUndefined()
  })
})
