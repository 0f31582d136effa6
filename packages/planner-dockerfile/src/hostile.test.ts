// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how Dockerfiles write variables
import { join } from 'node:path'
import { type PlannerSample, planFixture, plannerFixtures } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { mutate } from '../test/hostile.js'
import { dockerfile } from './index.js'
import { limits } from './options.js'

const samples = plannerFixtures(join(import.meta.dirname, '../fixtures')).map(({ sample }) => sample)

const rows = (count: number, row: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => row(i)).join('\n')
const most = limits.fileBytes - 1000
const long = 'x'.repeat(20_000)
const files: Record<string, Record<string, string>> = {
  'values that double': { Dockerfile: `FROM a\nENV V=xx\n${rows(200, () => 'ENV V=$V$V$V$V')}\nEXPOSE $V` },
  'many variables': { Dockerfile: `FROM a\n${rows(20_000, (i) => `ENV A${i}=1`)}\nEXPOSE $A5` },
  'stages on stages': {
    Dockerfile: `FROM a AS s0\n${rows(250, (i) => `FROM s${i} AS s${i + 1}\nENV A${i}=1\nEXPOSE ${i + 1}\nCOPY --from=s${i} a b`)}`,
  },
  'too many stages': { Dockerfile: rows(5000, () => 'FROM a') },
  'many ports': { Dockerfile: `FROM a\nEXPOSE ${rows(20_000, (i) => `${i} `).replaceAll('\n', '')}` },
  'wide ranges': { Dockerfile: `FROM a\n${rows(5000, () => 'EXPOSE 1-65535')}` },
  'one long line': { Dockerfile: `FROM a\nRUN ${'a '.repeat(most / 2)}` },
  'spaces without end': { Dockerfile: `FROM a\nRUN a${' '.repeat(most)}b` },
  'continued without end': { Dockerfile: `FROM a\nRUN a${' \\\n'.repeat(most / 3)}` },
  'quotes without end': { Dockerfile: `FROM a\nENV A=${`'"`.repeat(most / 2)}` },
  'nested substitutions': { Dockerfile: `FROM a\nEXPOSE ${'${A:-'.repeat(most / 5)}` },
  'many substitutions': { Dockerfile: `FROM a\nENV A=${'a'.repeat(60)}\n${rows(9000, () => 'EXPOSE ${A%%*b*c}1')}` },
  'here-documents': { Dockerfile: `FROM a\n${rows(10_000, (i) => `RUN <<E${i}\nE${i}`)}` },
  'many here-documents on a line': { Dockerfile: `FROM a\nRUN ${'<<A '.repeat(most / 8)}\n${'A\n'.repeat(most / 8)}` },
  'nested lists': { Dockerfile: `FROM a\nCMD ${'['.repeat(most)}` },
  'many sources': { Dockerfile: `FROM a\n${rows(9000, (i) => `COPY f${i} /`)}` },
  'patterns that match in many ways': {
    Dockerfile: `FROM a\n${rows(200, (i) => `COPY ${'a'.repeat(80)}/${i} /`)}`,
    '.dockerignore': rows(1000, () => '**/a*a*a*a*a*a*a*a*a*a*a*a*b'),
    ...Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`${'a'.repeat(80)}/${i}`, ''])),
  },
  'long values': {
    Dockerfile: [
      ...[
        '# syntax=docker/dockerfile:1',
        'FROM scratch',
        `USER ${long}`,
        `HEALTHCHECK CMD ${long}`,
        `ONBUILD RUN ${long}`,
      ],
      ...[`ENTRYPOINT ${long}`, `CMD ["${long}"]`, `EXPOSE ${'8'.repeat(9)}`, `EXPOSE ${'${A:-'}${long}}`],
    ].join('\n'),
  },
  'a long source': { Dockerfile: `FROM scratch\nCOPY ${long} /\nCMD a` },
  'a long base': { Dockerfile: `FROM ${long}\nCMD a` },
  'only comments': { Dockerfile: '#\n'.repeat(most / 2) },
  'too long': { Dockerfile: `FROM a\n${'#'.repeat(limits.fileBytes)}` },
}

describe('hostile files', () => {
  it.each(Object.entries(files))('%s', async (name, given) => {
    const before = process.cpuUsage()
    const { plan, reasons } = await planFixture(dockerfile(), { name, files: given } satisfies PlannerSample)
    const { user, system } = process.cpuUsage(before)
    expect(plan.claim).not.toBeNull()
    for (const one of plan.evidence ?? []) expect(one.length).toBeLessThan(1000)
    for (const one of reasons) expect(JSON.stringify(one).length).toBeLessThan(10_000)
    // Of the processor, not of the clock: what else runs on the machine does not count.
    expect((user + system) / 1000).toBeLessThan(1000)
  })

  it('answers 3,000 mutated files with plans or reasons', async () => {
    await mutate(samples, 3000, 20_240_901)
  }, 120_000)
})
