import { join } from 'node:path'
import type { Reason } from '@appaloft/core/spec'
import { overridden, type PlannerSample, planFixture, plannerFixtures } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { dockerfile } from './index.js'

const samples = new Map(plannerFixtures(join(import.meta.dirname, '../fixtures')).map((one) => [one.name, one.sample]))
const reasonsOf = async (sample: PlannerSample): Promise<Reason[]> => {
  const { plan, reasons } = await planFixture(dockerfile(), sample)
  return reasons.slice(0, plan.blocked?.length ?? 0)
}

/** The change of the source that a reason asks for, where no profile field helps. */
const mended: Record<string, (files: Record<string, string>, fix: string) => Record<string, string>> = {
  'base-in-upper-case': (files, fix) => line(files, 1, fix),
  'base-must-be-given': (files) => line(files, 1, 'FROM node:22-slim'),
  'copy-from-a-later-stage': (files) => line(line(files, 2, ''), 3, ''),
  empty: (files) => ({ ...files, Dockerfile: 'FROM node:22-slim\nEXPOSE 80\n' }),
  'heredoc-without-end': (files, fix) => ({ ...files, Dockerfile: `${files.Dockerfile}${fix}\nEXPOSE 80\n` }),
  'ignored-source': (files, fix) => ({ ...files, '.dockerignore': `${files['.dockerignore']}\n${fix}\n` }),
  'instructions-without-arguments': (files) => ({ ...files, Dockerfile: 'FROM node:22-slim\nENV A=1\nEXPOSE 80\n' }),
  'missing-mount': (files, fix) => ({ ...files, [fix]: '' }),
  'missing-source': (files, fix) => ({ ...files, [fix]: '', 'assets/logo.svg': '' }),
  'no-such-port': (files, fix) => line(files, 4, fix),
  'no-such-signal': (files, fix) => line(files, 4, `STOPSIGNAL ${fix}`),
  'nothing-before-from': (files, fix) => ({
    ...files,
    Dockerfile: `${fix} node:22-slim\nEXPOSE 80\n${files.Dockerfile}`,
  }),
  'unknown-instruction': (files, fix) => line(line(line(files, 2, `${fix} server.js ./`), 4, 'RUN echo'), 5, ''),
  'path-out-of-the-source': (files) => files,
}

function line(files: Record<string, string>, number: number, text: string): Record<string, string> {
  const rows = (files.Dockerfile ?? '').split('\n')
  rows[number - 1] = text
  return { ...files, Dockerfile: rows.join('\n') }
}

const blocked: [name: string, sample: PlannerSample, reasons: Reason[]][] = []
for (const [name, sample] of samples) {
  const reasons = await reasonsOf(sample)
  if (reasons.length > 0) blocked.push([name, sample, reasons])
}

describe('what is blocked', () => {
  it('is each code that this planner blocks by', () => {
    const codes = new Set(blocked.flatMap(([, , reasons]) => reasons.map(({ code }) => code)))
    expect([...codes].sort()).toEqual([
      ...['build-target-not-found', 'dockerfile-invalid', 'dockerfile-not-found', 'incompatible-source-strategy'],
      ...['missing-internal-port', 'missing-start-intent', 'secret-in-build-scope'],
    ])
  })

  it.each(blocked)('%s is repaired by each way that a profile offers', async (name, sample, reasons) => {
    expect(reasons).toHaveLength(1)
    const [reason] = reasons as [Reason]
    const ways = reason.overridePath
    if (ways.length === 0) {
      expect(reason.fixPath.length).toBeGreaterThan(0)
      expect(Object.keys(mended)).toContain(name)
    }
    // Fields that contradict go together.
    const together = reason.code === 'incompatible-source-strategy' ? [ways] : ways.map((way) => [way])
    for (const one of together) {
      const profiles = one.reduce(overridden, sample.profiles ?? {})
      const left = (await reasonsOf({ ...sample, profiles })).map(({ code }) => code)
      // Without the path that leads nowhere, the source decides; this one holds no Dockerfile.
      if (name === 'path-out-of-the-source') continue
      expect(left, JSON.stringify(one)).not.toContain(reason.code)
      if (one === together[0]) expect(left, JSON.stringify(one)).toEqual([])
    }
  })

  it.each(Object.entries(mended))('%s is repaired by mending the source', async (name, mend) => {
    const sample = samples.get(name)!
    const [reason] = (await reasonsOf(sample)) as [Reason]
    const files = mend(sample.files, reason.fixPath[0]?.example ?? '')
    if (name === 'path-out-of-the-source') files.Dockerfile = 'FROM node:22-slim\nEXPOSE 80\n'
    const profiles = reason.overridePath.reduce(overridden, sample.profiles ?? {})
    expect((await reasonsOf({ ...sample, files, profiles })).map(({ message }) => message)).toEqual([])
  })
})

describe('what is warned about', () => {
  it.each([
    [
      'development-last',
      'development-stage',
      (sample: PlannerSample, way: Reason) => {
        const [first] = way.overridePath
        return { ...sample, profiles: overridden({}, first!) }
      },
    ],
    [
      'shell-cmd',
      'shell-as-pid-1',
      (sample: PlannerSample, way: Reason) => ({
        ...sample,
        files: line(sample.files, 5, way.fixPath[0]?.example ?? ''),
      }),
    ],
  ] as const)('%s warns %s, and its fix ends that', async (name, code, mend) => {
    const sample = samples.get(name)!
    const { reasons } = await planFixture(dockerfile(), sample)
    expect(reasons.map((one) => one.code)).toEqual([code])
    expect((await planFixture(dockerfile(), mend(sample, reasons[0]!))).reasons).toEqual([])
  })
})
