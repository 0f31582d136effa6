import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { planFixture, plannerFixtures } from '@appaloft/testkit'
import { afterAll, describe, expect, it } from 'vitest'
import { node } from './index.js'

const fixtures = plannerFixtures(join(import.meta.dirname, '../fixtures')).filter(
  (one) => !one.name.startsWith('tools-'),
)

const canary = join(tmpdir(), `appaloft-canary-${process.pid}-${Date.now()}`)
/** Writes a file where it is evaluated. */
const effect = `process.getBuiltinModule('node:fs').writeFileSync(${JSON.stringify(canary)}, 'evaluated');\n`
const poisoned = (files: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path, /\.[mc]?[jt]sx?$/.test(path) ? `${effect}${text}` : text]),
  )

afterAll(() => rmSync(canary, { force: true }))

describe('fixtures of frameworks', () => {
  it.each(fixtures.map((one) => [one.name, one] as const))('%s', async (_name, { sample, planFile }) => {
    const { plan, fingerprint } = await planFixture(node(), sample)
    // APPALOFT_WRITE_PLANS writes what is planned now, to be read through before it is kept.
    if (process.env.APPALOFT_WRITE_PLANS) writeFileSync(planFile, `${JSON.stringify(plan, null, 2)}\n`)
    expect(existsSync(planFile), 'no plan.json').toBe(true)
    const expected = JSON.parse(readFileSync(planFile, 'utf8'))
    expect(JSON.parse(JSON.stringify(plan))).toEqual(expected)
    for (let seed = 1; seed <= 3; seed++) {
      expect((await planFixture(node(), sample, { seed })).fingerprint).toBe(fingerprint)
    }
    // None of its code runs: whatever would be evaluated writes a file, and the plan is the same.
    const other = await planFixture(node(), { ...sample, files: poisoned(sample.files) })
    expect(JSON.parse(JSON.stringify(other.plan))).toEqual(expected)
    expect(existsSync(canary)).toBe(false)
  })

  it('the canary sings where it is evaluated', () => {
    new Function(poisoned({ 'a.js': '' })['a.js']!)()
    expect(readFileSync(canary, 'utf8')).toBe('evaluated')
  })
})
