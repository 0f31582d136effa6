import { expect, it } from 'vitest'
import { type Killed, killed } from '../../../test/rollout-killed.js'

const seed = Number(process.env.APPALOFT_SEED ?? Math.floor(Math.random() * 2 ** 31))

const runs: [string, Killed][] = [
  ['together', { options: { promote: 'together', batch: 2 }, former: true }],
  ['together, for the first time', { options: { promote: 'together', batch: 3 }, former: false }],
  ['together, after a failure', { options: { promote: 'together', batch: 3 }, former: true, brokenOn: 'b' }],
  ['each', { options: { batch: 2 }, former: true }],
  ['each, with rollback', { options: { onFailure: 'rollback', batch: 1 }, former: true }],
  ['each, with rollback, for the first time', { options: { onFailure: 'rollback', batch: 2 }, former: false }],
  ['each, with rollback, after a failure', { options: { onFailure: 'rollback' }, former: true, brokenOn: 'c' }],
]

it.each(runs)('killed at every journal boundary: %s', { timeout: 3_600_000 }, async (_, run) => {
  const { boundaries } = await killed(run, null)
  const ends: Record<string, number> = {}
  for (let at = 1; at <= boundaries.length; at++)
    for (const when of ['before', 'after'] as const) {
      const { how } = await killed(run, { when, boundary: at }).catch((error) => {
        throw new Error(`killed ${when} boundary ${at} (${boundaries[at - 1]}): ${String(error)}`, { cause: error })
      })
      ends[how] = (ends[how] ?? 0) + 1
    }
  console.log(`${boundaries.length} boundaries: ${JSON.stringify(ends)}`)
})

it.each(runs)('and who recovers is killed, too: %s', { timeout: 3_600_000 }, async (_, run) => {
  console.log(`seed ${seed} (APPALOFT_SEED repeats it)`)
  let state = seed
  const below = (most: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return 1 + Math.floor((state / 2 ** 31) * most)
  }
  const { boundaries } = await killed(run, null)
  for (let i = 0; i < 60; i++) {
    const moments = [below(boundaries.length), below(25), below(25)].map((boundary) => ({
      when: 'after' as const,
      boundary,
    }))
    await killed(run, ...moments).catch((error) => {
      throw new Error(`killed at ${JSON.stringify(moments)}: ${String(error)}`, { cause: error })
    })
  }
  expect(boundaries.length).toBeGreaterThan(10)
})
