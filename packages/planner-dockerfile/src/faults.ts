import { type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { shown } from './facts.js'
import type { Located } from './find.js'
import type { Fault } from './lines.js'
import { limits } from './options.js'
import type { Reading } from './reading.js'

type Path = Reason['overridePath']
const field = 'runtime.dockerfilePath'

/** The other files, as values of the profile field: relative to the base directory where they lie in it. */
export const otherFiles = ({ others }: Located, baseDirectory: string): Path =>
  others.slice(0, 5).map((other) => ({
    action: 'Name another Dockerfile.',
    profileField: field,
    example:
      baseDirectory !== '.' && other.startsWith(`${baseDirectory}/`) ? other.slice(baseDirectory.length + 1) : other,
  }))

/** What a builder would refuse, each with its line. */
export function invalid(
  { baseDirectory }: PlannerContext,
  located: Located,
  { path }: Reading,
  faults: readonly Fault[],
): Reason {
  const first = faults[0]!
  const more = faults.length === 1 ? '' : ` (And ${faults.length - 1} more.)`
  const mended = [...new Map(faults.map((one) => [`${one.line} ${one.fix}`, one])).values()]
    .filter(({ fix }) => fix !== undefined)
    .slice(0, 5)
  const overrides: Path = faults
    .flatMap(({ line, override }) => (override === undefined ? [] : [{ line, ...override }]))
    .slice(0, 5)
    .map(({ line, profileField, example }) => ({ action: `Give line ${line} its value.`, profileField, example }))
  return reason('dockerfile-invalid', {
    message: `${path}, line ${first.line}: ${first.message}.${more}`,
    evidence: faults.slice(0, limits.faults).map(({ line, message }) => ({
      kind: 'dockerfile',
      file: path,
      signal: `line ${line}`,
      value: shown(message, 300),
    })),
    fixPath: [
      ...mended.map(({ line, fix }) => ({ action: `Mend line ${line}.`, example: fix! })),
      ...(mended.length > 0 ? [] : [{ action: `Mend line ${first.line}.` }]),
    ],
    overridePath: overrides.length > 0 ? overrides : otherFiles(located, baseDirectory),
    affectedProfileField: overrides[0]?.profileField ?? field,
  })
}

/** COPY, ADD and mounts of files that the build will not get. */
export function missingSources({ source, baseDirectory }: PlannerContext, located: Located, reading: Reading): Reason {
  const { path, context } = reading
  const { missing, directory } = context
  const first = missing[0]!
  const where = directory === '.' ? 'the source' : directory
  const why = first.ignoredBy ? `${first.ignoredBy.file} keeps it out of the build` : `${where} does not hold it`
  const more = missing.length === 1 ? '' : ` (And ${missing.length - 1} more.)`
  const ignored = missing.filter(({ ignoredBy }) => ignoredBy !== undefined)
  return reason('dockerfile-invalid', {
    message: `${path}, line ${first.use.line}: ${first.use.instruction} needs ${JSON.stringify(shown(first.use.text))}, but ${why}.${more}`,
    evidence: missing.slice(0, limits.faults).map(({ use, ignoredBy }) => ({
      kind: 'dockerfile',
      file: path,
      signal: `${use.instruction}, line ${use.line}`,
      value: { path: shown(use.path), ...(ignoredBy ? { ignoredBy: shown(ignoredBy.pattern) } : { missing: true }) },
    })),
    fixPath: [
      ...ignored.slice(0, 3).map(({ use, ignoredBy }) => ({
        action: `Bring it back in ${ignoredBy!.file}.`,
        example: `!${shown(use.path)}`,
      })),
      ...(ignored.length === missing.length
        ? []
        : [
            {
              action: 'Add it to the source, or let a stage of the Dockerfile make it.',
              example: shown(first.use.path),
            },
            ...(source.kind === 'local-folder'
              ? [
                  {
                    action: 'Where .gitignore leaves it out, bring it back in .appaloftignore.',
                    example: `!${shown(first.use.path)}`,
                  },
                ]
              : []),
          ]),
    ],
    overridePath: otherFiles(located, baseDirectory),
  })
}
