import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { planFixture, plannerFixtures } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { node } from './index.js'

const fixtures = plannerFixtures(join(import.meta.dirname, '../fixtures')).filter(
  (one) => !one.name.startsWith('tools-'),
)

describe('fixtures of frameworks', () => {
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

  it('none of their code runs: whatever is evaluated writes a file', async () => {
    const canary = join(tmpdir(), `appaloft-canary-${process.pid}-${Date.now()}`)
    const effect = `process.getBuiltinModule('node:fs').writeFileSync(${JSON.stringify(canary)}, 'evaluated');\n`
    // The canary sings when it should.
    new Function(effect)()
    expect(existsSync(canary)).toBe(true)
    writeFileSync(canary, '')
    for (const { sample, planFile } of fixtures) {
      const files = Object.fromEntries(
        Object.entries(sample.files).map(([path, text]) => [
          path,
          /\.[mc]?[jt]sx?$/.test(path) ? `${effect}${text}` : text,
        ]),
      )
      const { plan } = await planFixture(node(), { ...sample, files })
      expect(JSON.parse(JSON.stringify(plan)), sample.name).toEqual(JSON.parse(readFileSync(planFile, 'utf8')))
    }
    expect(readFileSync(canary, 'utf8')).toBe('')
    rmSync(canary)
  })
})
