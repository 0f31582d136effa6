import { createAppaloft, memoryStore } from '@appaloft/core'
import { expect, it } from 'vitest'
import { faults } from '../../test/faults.js'
import { engineWith } from '../../test/mutants.js'
import { describeFailure, replay, simulate } from './index.js'

const sound = { createAppaloft, store: memoryStore }

// The proof that the simulation can fail: deliberate faults, put into the engine one by one.
const quick = Object.entries(faults).filter(([, fault]) => !fault.rare)

it.each(quick)('finds that %s', { timeout: 300_000 }, async (name, { edits }) => {
  const subject = await engineWith(edits)
  const report = await simulate({ ...subject, seed: 1, runs: 10_000, shrinkRuns: 0 })
  console.log(`found after ${report.runs} seeds (${report.failure?.violation.invariant}): ${name}`)
  if (report.failure === null) throw new Error('It was not found.')
  // The engine as it is does not have it.
  expect((await replay(sound, report.failure.found)).violation).toBeUndefined()
})

it('shows the shortest run that it finds, and the line that replays it', { timeout: 300_000 }, async () => {
  const subject = await engineWith(faults['a commit of which nobody knows is sent again']!.edits)
  // What is left out one by one ends where nothing more can be: for some seeds, such as 12, with a run that is not the shortest there is.
  const { failure } = await simulate({ ...subject, seed: 1000, runs: 10_000, shrinkRuns: 400 })
  if (failure === null) throw new Error('a violation was expected')
  const found = await replay(subject, failure.found)
  const shortest = await replay(subject, failure.shortest)
  expect(found.violation).toEqual(failure.violation)
  expect(shortest.violation).toEqual(failure.shortestViolation)
  expect(shortest.violation?.invariant).toBe(failure.violation.invariant)
  expect(Object.keys(failure.shortest.deviations ?? {}).length).toBeLessThan(10)
  expect(failure.shortest.setup.users.flat().length).toBeLessThanOrEqual(2)
  const text = describeFailure(failure)
  expect(text).toContain(`Seed ${failure.seed} violates ${failure.violation.invariant}`)
  const [, line = ''] = /^await replay\(\{ createAppaloft, store: memoryStore \}, (.*)\)$/m.exec(text) ?? []
  expect((await replay(subject, JSON.parse(line))).violation).toEqual(failure.shortestViolation)
})

it('takes no edit that changes nothing', async () => {
  await expect(engineWith({ 'engine/run.ts': [['no such text', '']] })).rejects.toThrow(/0 times/)
  await expect(engineWith({ 'engine/none.ts': [['x', 'y']] })).rejects.toThrow(/none/)
})
