import { join } from 'node:path'
import { overridden, type PlannerSample, planFixture, plannerFixtures } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { staticSite } from './index.js'

const samples = plannerFixtures(join(import.meta.dirname, '../fixtures')).map(({ sample }) => sample)
const blockedOf = async (sample: PlannerSample) => {
  const { plan, reasons } = await planFixture(staticSite(), sample)
  return reasons.slice(0, plan.blocked?.length ?? 0)
}
const blocked: [name: string, sample: PlannerSample][] = []
for (const sample of samples) if ((await blockedOf(sample)).length > 0) blocked.push([sample.name, sample])

describe('what is blocked', () => {
  it('is each code that this planner blocks by', async () => {
    const codes = new Set<string>()
    for (const [, sample] of blocked) for (const { code } of await blockedOf(sample)) codes.add(code)
    expect([...codes].sort()).toEqual([
      ...['incompatible-source-strategy', 'missing-artifact-output', 'missing-build-intent'],
    ])
  })

  it.each(blocked)('%s is repaired by each way that it names', async (_name, sample) => {
    const [reason] = await blockedOf(sample)
    const { fixPath = [], overridePath = [] } = reason ?? {}
    expect(overridePath.length).toBeGreaterThan(0)
    for (const way of overridePath) {
      expect(await blockedOf({ ...sample, profiles: overridden(sample.profiles ?? {}, way) })).toEqual([])
    }
    const asked = sample.profiles?.runtime?.publishDirectory
    for (const { example } of fixPath) {
      if (example === undefined) continue
      // Where the profile names a directory, that is the one to add; one outside cannot be.
      const file = asked === undefined ? example : `${asked}/index.html`
      if (file.startsWith('..')) continue
      expect(await blockedOf({ ...sample, files: { ...sample.files, [file]: '' } })).toEqual([])
    }
  })
})
