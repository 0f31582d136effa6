import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createAppaloft, memoryStore } from '@appaloft/core'
import { describe, expect, it } from 'vitest'
import { faults } from '../../test/faults.js'
import { engineWith } from '../../test/mutants.js'
import { describeFailure, replay, simulate } from './index.js'

const wanted = 100_000
const part = 1_000
// Parts that were done are not done again after a cut; the file goes when all are.
const progress = join(resolve(import.meta.dirname, '../../../../.cache'), 'simulation-soak.json')
const subject = { createAppaloft, store: memoryStore }

it(`keeps its promises in ${wanted} random schedules`, async () => {
  mkdirSync(resolve(progress, '..'), { recursive: true })
  const done: { seed: number; runs: number } = existsSync(progress)
    ? JSON.parse(readFileSync(progress, 'utf8'))
    : { seed: Number(process.env.APPALOFT_SEED ?? Math.floor(Math.random() * 1_000_000_000)), runs: 0 }
  console.log(`seed ${done.seed}, ${done.runs} schedules done before`)
  for (; done.runs < wanted; done.runs += part) {
    const report = await simulate({ ...subject, seed: done.seed + done.runs, runs: part })
    if (report.failure !== null) throw new Error(describeFailure(report.failure))
    writeFileSync(progress, JSON.stringify({ ...done, runs: done.runs + part }))
    const { steps, seconds } = report
    console.log(`${done.runs + part} of ${wanted}: ${steps} steps in ${seconds.toFixed(0)} s`)
  }
  rmSync(progress, { force: true })
})

describe('every deliberate fault of the engine is found', () => {
  it.each(Object.entries(faults))('%s', async (name, edits) => {
    const faulty = await engineWith(edits)
    const { failure, runs } = await simulate({ ...faulty, seed: 1, runs: 20_000, shrinkRuns: 300 })
    console.log(`${name}: ${failure?.violation.invariant ?? 'not found'} after ${runs} schedules`)
    if (failure === null) throw new Error('It was not found.')
    expect((await replay(faulty, failure.shortest)).violation?.invariant).toBe(failure.shortestViolation.invariant)
    expect((await replay(subject, failure.found)).violation).toBeUndefined()
  })
})
