import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fixtureNames, readFixture } from '../test/fixtures.js'
import { brokenFixture } from '../test/hostile.js'
import { survives } from '../test/survives.js'

const runs = 50_000

it(`survives ${runs} broken projects`, async () => {
  const all = fixtureNames().map(readFixture)
  const outcomes = new Map<string, number>()
  let slowest = 0
  const before = process.memoryUsage().heapUsed
  await fc.assert(
    fc.asyncProperty(brokenFixture(all), async (fixture) => {
      const { seconds, message } = await survives(fixture)
      slowest = Math.max(slowest, seconds)
      const code = message.split(':')[0] ?? ''
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1)
    }),
    { numRuns: runs, seed: 11 },
  )
  const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20
  console.log(
    `slowest ${Math.round(slowest * 1000)} ms, heap grown by ${Math.round(grown)} MiB`,
    Object.fromEntries(outcomes),
  )
  expect(grown).toBeLessThan(512)
})
