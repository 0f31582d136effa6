import { createAppaloft, memoryStore } from '@appaloft/core'
import { expect, it } from 'vitest'
import { describeFailure, simulate } from './index.js'

const runs = Number(process.env.APPALOFT_SIMULATION_RUNS ?? 20_000)
const seed = Number(process.env.APPALOFT_SEED ?? Math.floor(Math.random() * 1_000_000_000))

it.each([
  ['and no store', { stores: 2, records: false }],
  ['that tells of its releases', { stores: 2, records: true }],
  ['that tells of its releases, and a store', { stores: 1, records: true }],
  ['elsewhere, that tells of its releases, and no store', { stores: 2, records: true, far: true }],
  ['elsewhere, and a store', { stores: 1, records: false, far: true }],
])(`engines that share a machine %s keep their promises in ${runs} schedules`, async (what, options) => {
  const report = await simulate({ createAppaloft, store: memoryStore, seed, runs, ...options, shrinkRuns: 5000 })
  expect(report.failure && describeFailure(report.failure)).toBeNull()
  const rate = Math.round(report.runs / report.seconds)
  console.log(`${what}: ${report.runs} runs from seed ${seed}, ${report.steps} steps, ${rate} runs/s, 0 violations`)
})
