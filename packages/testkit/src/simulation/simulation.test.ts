import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createAppaloft, memoryStore } from '@appaloft/core'
import { describe, expect, it } from 'vitest'
import { describeFailure, invariants, replay, simulate } from './index.js'

// The same sample in every run of the tests; the soak takes another one each time.
const sample = Number(process.env.APPALOFT_SEED ?? 7_000_000)
const subject = { createAppaloft, store: memoryStore }

/** Each once made the engine break a promise. */
const seeds = [
  7, 33, 34, 37, 54, 59, 73, 132, 160, 167, 174, 242, 244, 250, 337, 434, 536, 566, 656, 690, 828, 994, 1010, 1075,
  1264, 1295, 3717, 5038, 5639, 7689, 10135, 10882, 11962, 14775, 62504, 66200, 68254, 323_968_601, 400_018_217,
  400_026_192, 400_098_843,
]

describe('the engine', () => {
  it('keeps its promises in random schedules', { timeout: 600_000 }, async () => {
    const report = await simulate({ ...subject, seed: sample, runs: 1500 })
    const { seed, runs, steps, seconds } = report
    const rate = Math.round(runs / seconds)
    console.log(`${runs} runs from seed ${seed} (APPALOFT_SEED chooses it), ${steps} steps, ${rate} runs/s`)
    expect(report.failure && describeFailure(report.failure)).toBeNull()
    expect(runs).toBe(1500)
  })

  it.each(seeds)('keeps them in the schedule of seed %i', async (seed) => {
    const report = await simulate({ ...subject, seed, runs: 1 })
    expect(report.failure && describeFailure(report.failure)).toBeNull()
  })

  it('meets every verb, fault and end on the way', { timeout: 120_000 }, async () => {
    const { covered } = await simulate({ ...subject, seed: 1, runs: 400 })
    const kinds = (prefix: string) =>
      Object.keys(covered)
        .filter((one) => one.startsWith(prefix))
        .map((one) => one.slice(prefix.length))
        .sort()
    expect(kinds('status:')).toEqual(['canceled', 'failed', 'interrupted', 'succeeded', 'superseded'])
    expect(kinds('rollback:')).toEqual(['failed', 'nothing-to-restore', 'restored'])
    expect(kinds('trigger:')).toEqual(['create', 'force-redeploy', 'redeploy', 'retry', 'rollback'])
    expect(kinds('recovered:')).toEqual(expect.arrayContaining(['failed', 'interrupted', 'succeeded']))
    expect(kinds('verb:').length).toBeGreaterThanOrEqual(15)
    expect(kinds('fault:')).toEqual(
      expect.arrayContaining(['crash', 'crash-heard', 'crash-sent', 'lost', 'pause', 'stall', 'unheard', 'vague']),
    )
    expect(covered.followed).toBeGreaterThan(0)
  })
})

it('the guide names every promise', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../../../docs/guides/simulation.md'), 'utf8')
  const told = [...page.matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm)].map(([, id, words]) => [id, words])
  expect(Object.fromEntries(told)).toEqual(invariants)
})

describe('a run', () => {
  it.each([3, 58, 121])('is the same each time (seed %i)', async (seed) => {
    const first = await replay(subject, seed)
    const second = await replay(subject, seed)
    expect(second.trace).toEqual(first.trace)
    expect(first.trace.length).toBeGreaterThan(50)
  })

  it.each([3, 58, 121])('is the same by its script alone (seed %i)', async (seed) => {
    const first = await replay(subject, seed)
    const script = JSON.parse(JSON.stringify({ ...first.script, deviations: first.deviations }))
    expect((await replay(subject, script)).trace).toEqual(first.trace)
  })
})
