import { type Evidence, isBlocked, reasonSchema } from '@appaloft/core/spec'
import { type PlannerSample, planFixture } from '@appaloft/testkit'
import fc from 'fast-check'
import { dockerfile } from '../src/index.js'

const words = [
  ...[
    'FROM',
    'ARG',
    'ENV',
    'EXPOSE',
    'COPY',
    'ADD',
    'RUN',
    'CMD',
    'ENTRYPOINT',
    'HEALTHCHECK',
    'ONBUILD',
    'SHELL',
    'USER',
  ],
  ...[
    '\\\n',
    '\n',
    '\r\n',
    '# escape=`\n',
    '# syntax=x\n',
    '<<EOF',
    'EOF\n',
    '${',
    '}',
    ':-',
    ':+',
    '##',
    '%%',
    '$A',
    '"',
    "'",
  ],
  ...[
    '[',
    ']',
    '["',
    '--from=',
    '--mount=type=secret,id=A',
    '\0',
    '\uFEFF',
    '\u2028',
    '😀',
    '-',
    '/',
    '*',
    '**/',
    '!',
    '..',
  ],
  ...['8080', '1-65535', '99999999999999999999', '/udp', 'AS', 'scratch', ' ', '\t', '`', '='],
]

type Change = { at: number; length: number; text: string; times: number }

const change = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.oneof(fc.constant(0), fc.nat({ max: 40 })),
  text: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  ),
  times: fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.nat({ max: 2000 }) }),
})

const apply = (text: string, changes: readonly Change[]): string =>
  changes.reduce((now, { at, length, text: put, times }) => {
    const start = Math.floor(at * now.length)
    return now.slice(0, start) + put.repeat(times) + now.slice(start + length)
  }, text)

/**
 * Plans so many mutated Dockerfiles and ignore files, the same ones for the same seed. Throws with the one that makes the planner throw,
 * answer with something else than reasons, or take more than a second of the processor.
 */
export async function mutate(samples: readonly PlannerSample[], runs: number, seed: number): Promise<void> {
  const planner = dockerfile()
  const property = fc.asyncProperty(
    fc.constantFrom(...samples),
    fc.array(change, { minLength: 1, maxLength: 6 }),
    fc.boolean(),
    async (sample, changes, ignoreToo) => {
      const files = Object.fromEntries(
        Object.entries(sample.files).map(([path, text]) =>
          /dockerfile|containerfile/i.test(path) || (ignoreToo && path === '.dockerignore')
            ? [path, apply(text, changes)]
            : [path, text],
        ),
      )
      if (ignoreToo) files['.dockerignore'] ??= apply('*\n!a\n', changes)
      const before = process.cpuUsage()
      const { outcome } = await planFixture(planner, { ...sample, files })
      const { user, system } = process.cpuUsage(before)
      if (user + system > 1_000_000) throw new Error(`took ${(user + system) / 1000} ms`)
      if (outcome.claim === null) return
      const { result } = outcome
      const draft = isBlocked(result) ? (result.draft ?? {}) : result
      const evidence: Evidence[] = [...outcome.claim.evidence, ...(draft.evidence ?? [])]
      for (const reason of [...(isBlocked(result) ? result.blocked : []), ...(draft.warnings ?? [])]) {
        reasonSchema.parse(reason)
        evidence.push(...reason.evidence)
      }
      for (const one of evidence) {
        if (JSON.stringify(one).length > 4096) throw new Error('evidence without bounds')
      }
    },
  )
  await fc.assert(property, { numRuns: runs, seed, endOnFailure: true })
}
