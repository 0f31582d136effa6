// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is what Compose files hold
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Fixture, fixtureNames, readFixture } from '../test/fixtures.js'
import { bombs, brokenFixture, dotenvBombs } from '../test/hostile.js'
import { survives } from '../test/survives.js'

const all = fixtureNames().map(readFixture)
const bomb = (files: Fixture['files']): Fixture => ({ name: 'bomb', files, given: {} })
const small = 'services: { a: { image: a } }'

describe('hostile files', () => {
  it('are planned or refused, never a crash', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(brokenFixture(all), async (fixture) => {
        await survives(fixture)
      }),
      { numRuns: 1500, seed: 4 },
    )
  })

  it.each(Object.entries(bombs))('%s: answered quickly, with a place', { timeout: 60_000 }, async (name, text) => {
    const { message } = await survives(bomb({ 'compose.yaml': text, 'a.yaml': small }))
    // Before the parser recurses: it ends the process where its stack overflows.
    if (name.startsWith('nested')) expect(message).toContain('nested more than 64 deep')
    if (name === 'many aliases of aliases') expect(message).toMatch(/line \d+: The project grows beyond/)
    expect(message).toMatch(/^compose-invalid: compose\.yaml|^missing-internal-port|^compose-target/)
  })

  it.each(Object.entries(dotenvBombs))('an environment file with %s', { timeout: 60_000 }, async (_name, text) => {
    const compose = 'services: { web: { image: "x${A60}", ports: ["80"], env_file: other.env } }'
    const { message } = await survives(bomb({ 'compose.yaml': compose, '.env': text, 'other.env': text }))
    expect(message).toMatch(/^ready$|^compose-invalid: (?:\.env|other\.env|compose\.yaml)/)
  })
})
