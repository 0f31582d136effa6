import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isBlocked } from '@appaloft/core/spec'
import { overridden, planFixture, plannerFixtures } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { node } from './index.js'

/** Package managers, Node versions, workspaces and what they bring along. */
const fixtures = plannerFixtures(join(import.meta.dirname, '../fixtures')).filter((one) =>
  one.name.startsWith('tools-'),
)

describe('fixtures of the tools', () => {
  it('there are some', () => expect(fixtures.length).toBeGreaterThan(100))

  it.each(fixtures.map((one) => [one.name, one] as const))('%s', async (_name, { sample, planFile }) => {
    const { plan, fingerprint } = await planFixture(node(), sample)
    // APPALOFT_WRITE_PLANS writes what is planned now, to be read through before it is kept.
    if (process.env.APPALOFT_WRITE_PLANS) writeFileSync(planFile, `${JSON.stringify(plan, null, 2)}\n`)
    expect(existsSync(planFile), 'no plan.json').toBe(true)
    expect(JSON.parse(JSON.stringify(plan))).toEqual(JSON.parse(readFileSync(planFile, 'utf8')))
    for (let seed = 1; seed <= 5; seed++) {
      expect((await planFixture(node(), sample, { seed })).fingerprint).toBe(fingerprint)
    }
  })
})

describe('what is blocked is repaired by each way that it names', () => {
  it.each(fixtures.map((one) => [one.name, one] as const))('%s', async (_name, { sample }) => {
    const { outcome } = await planFixture(node(), sample)
    if (outcome.claim === null || !isBlocked(outcome.result)) return
    for (const { code, overridePath } of outcome.result.blocked)
      for (const way of overridePath) {
        const repaired = await planFixture(node(), sample, { profiles: overridden(sample.profiles ?? {}, way) })
        expect(repaired.reasons.map((one) => one.code)).not.toContain(code)
      }
  })
})
