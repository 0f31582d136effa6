import { canonicalJson } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { contextOf, fixtureNames, folder, outcomeOf, readFixture } from '../test/fixtures.js'
import { compose } from './index.js'

const all = fixtureNames().map(readFixture)

describe('fixtures', () => {
  it('are enough', () => expect(all.length).toBeGreaterThanOrEqual(40))

  // `npx vitest run -u` writes them anew: read each difference before it is kept.
  it.each(all)('$name is planned as its file says', async (fixture) => {
    const outcome = await outcomeOf(compose(), contextOf(fixture))
    await expect(`${JSON.stringify(outcome, null, 2)}\n`).toMatchFileSnapshot(`${folder}/${fixture.name}/expected.json`)
  })

  it.each(all)('$name has one plan, however its files are listed', async (fixture) => {
    const expected = canonicalJson(await outcomeOf(compose(), contextOf(fixture)))
    for (const seed of [1, 2, 3, 4, 5]) {
      expect(canonicalJson(await outcomeOf(compose(), contextOf(fixture, seed)))).toBe(expected)
    }
  })
})
