import { join } from 'node:path'
import type { Reason } from '@appaloft/core/spec'
import { overridden, type PlannerSample, planFixture, plannerFixtures } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { image } from './index.js'

const fixtures = plannerFixtures(join(import.meta.dirname, '../fixtures'))
const reasonsOf = async (sample: PlannerSample): Promise<Reason[]> => (await planFixture(image(), sample)).reasons

const blocked: [name: string, sample: PlannerSample, reasons: Reason[]][] = []
for (const { name, sample } of fixtures) {
  const reasons = await reasonsOf(sample)
  if (reasons.length > 0) blocked.push([name, sample, reasons])
}

/** Where no reference can be told that was surely meant: what a person would write. */
const meant: Record<string, string> = {
  'short-digest': `nginx@sha256:${'0123456789abcdef'.repeat(4)}`,
  'long-tag': 'nginx:a',
  'image-id': 'nginx',
  'bad-host': 'ghcr.io/acme/web',
  'bad-name': 'ghcr.io/acme/web',
  empty: 'nginx',
}

describe('what is blocked', () => {
  it('is each code that this planner blocks by', () => {
    const codes = new Set(blocked.flatMap(([, , reasons]) => reasons.map(({ code }) => code)))
    expect([...codes].sort()).toEqual([
      'image-reference-invalid',
      'incompatible-source-strategy',
      'missing-internal-port',
    ])
  })

  it.each(blocked)('%s is repaired by each way that it names', async (name, sample, reasons) => {
    expect(reasons).toHaveLength(1)
    const [reason] = reasons as [Reason]
    if (reason.code === 'image-reference-invalid') {
      const reference = reason.overridePath[0]?.example ?? meant[name]!
      expect(await reasonsOf({ ...sample, source: { kind: 'docker-image', image: reference } })).toEqual([])
      return
    }
    const ways = reason.overridePath
    const together = reason.code === 'incompatible-source-strategy' ? [ways] : ways.map((way) => [way])
    for (const one of together) {
      expect(await reasonsOf({ ...sample, profiles: one.reduce(overridden, sample.profiles ?? {}) })).toEqual([])
    }
  })

  it('shows no credentials', async () => {
    for (const text of ['robot:hunter2@ghcr.io/acme/web', 'https://robot:hunter2@ghcr.io/acme/web', 'robot:hunter2@']) {
      const sample: PlannerSample = { name: text, files: {}, source: { kind: 'docker-image', image: text } }
      expect(JSON.stringify((await planFixture(image(), sample)).outcome)).not.toContain('hunter2')
    }
  })
})
