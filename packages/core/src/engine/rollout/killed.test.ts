import { expect, it } from 'vitest'
import type { Fleet } from '../../../test/fleet.js'
import { type Killed, killed } from '../../../test/rollout-killed.js'

// Every boundary, also of those who recover, is in rollout.soak.test.ts.

const runs: [string, Killed, every: number][] = [
  ['together', { options: { promote: 'together', batch: 2 }, former: true }, 7],
  ['together, for the first time', { options: { promote: 'together', batch: 3 }, former: false }, 9],
  ['each, with rollback', { options: { onFailure: 'rollback', batch: 1 }, former: true }, 11],
  ['each, with rollback, for the first time', { options: { onFailure: 'rollback', batch: 2 }, former: false }, 9],
  ['each, with rollback, after a failure', { options: { onFailure: 'rollback' }, former: true, brokenOn: 'c' }, 11],
]

it.each(runs)('killed %s: all or none', { timeout: 120_000 }, async (_, run, every) => {
  const { boundaries, how } = await killed(run, null)
  expect(how).toBe(run.brokenOn === undefined ? 'all' : 'none')
  // From the first promotion on the ends differ, and together it is decided between the first and the last one.
  const from = boundaries.findIndex((one) => one.includes('promote intended'))
  const last = boundaries.findLastIndex((one) => one.includes('traffic-promoted'))
  expect(from).toBeGreaterThan(0)
  const moments = new Set<number>()
  for (let at = boundaries.length; at > from; at -= every) moments.add(at)
  if (run.options.promote === 'together') for (let at = last; at > from; at -= 2) moments.add(at)
  const ends = new Set<string>()
  for (const boundary of moments) ends.add((await killed(run, { when: 'after', boundary })).how)
  if (run.brokenOn === undefined) expect([...ends].sort()).toEqual(['all', 'none'])
})

it.each([true, false])(
  'found broken after every target was promoted, all go back: %s',
  { timeout: 60_000 },
  async (former) => {
    const options = { promote: 'together', batch: 3 } as const
    const { boundaries } = await killed({ options, former }, null)
    const promoted = boundaries.findLastIndex((one) => one.includes('traffic-promoted')) + 1
    // It sickens on the machine that is recovered last, when the others are at their end.
    const meanwhile = (fleet: Fleet) => {
      const app = [...fleet.world('c').apps.values()].at(-1)
      if (app !== undefined) app.script.status = 500
    }
    const { how } = await killed({ options, former, meanwhile }, { when: 'after', boundary: promoted })
    expect(how).toBe('none')
  },
)
