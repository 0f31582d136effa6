import type { ErrorCode } from '../../spec/codes.js'
import { missingProgram } from '../../spec/missing-program.js'
import type { Plan } from '../../spec/plan.js'

/** What a release's end tells beyond its exit code: the setting to change, and how. */
export interface ExitSign {
  /** Default `process-exited`. */
  code?: ErrorCode
  field: string
  hint: string
}

interface Ended {
  plan: Plan
  exitCode: number | undefined
  /** The last that it said. */
  lines: readonly string[]
  text: string
}

type Reader = (ended: Ended) => ExitSign | null

const when =
  (sign: RegExp, told: (found: RegExpExecArray, ended: Ended) => ExitSign | null): Reader =>
  (ended) => {
    const found = sign.exec(ended.text)
    return found === null ? null : told(found, ended)
  }

const start = 'runtime.startCommand'
const port = 'network.internalPort'

/** Where what it needs is installed. */
const installs = ({ artifact }: Plan): string =>
  artifact.kind === 'dockerfile'
    ? 'runtime.dockerfilePath'
    : artifact.kind === 'compose-project'
      ? 'runtime.composeFiles'
      : artifact.kind === 'image'
        ? 'source'
        : 'runtime.installCommand'

/** The first that fits decides. */
const readers: readonly Reader[] = [
  when(/ENOSPC(?!.*file watchers)|No space left on device|Disk quota exceeded/i, () => ({
    code: 'disk-full',
    field: 'volumes',
    hint: 'Free space where it writes, or let it write to a volume with enough of it (volumes).',
  })),
  when(/JavaScript heap out of memory|java\.lang\.OutOfMemoryError|fatal error: runtime: out of memory/, () => ({
    code: 'out-of-memory',
    field: 'runtime.resources',
    hint: 'Raise runtime.resources, and what its runtime may take of it, such as by NODE_OPTIONS=--max-old-space-size.',
  })),
  // What cannot be executed is given to a shell by most programs that start others: it reads it as text.
  when(/exec format error|ELF[^ -~]/i, () => ({
    field: start,
    hint: `Set ${start} to a program for this processor; a script needs a first line that names its interpreter.`,
  })),
  ({ exitCode, lines }) => {
    const missing = missingProgram(exitCode, lines)
    return missing === null
      ? null
      : { field: start, hint: `There is no program ${missing}: set ${start} to one that is where it runs.` }
  },
  when(/permission denied/i, (_, { exitCode }) =>
    exitCode === 126
      ? { field: start, hint: `Set ${start} to a program with the permission to be executed (chmod +x).` }
      : null,
  ),
  when(/EADDRINUSE|address already in use/i, () => ({
    field: port,
    hint: `Something else listens on its port already: let one server alone listen on ${port}.`,
  })),
  when(/listen EACCES|bind(?:\(\))?[^\n]*permission denied/i, () => ({
    field: port,
    hint: `Its user may not listen on that port: set ${port} to one above 1023.`,
  })),
  when(
    /(?:EACCES|EPERM|EROFS|permission denied|read-only file system)[^\n]*?['" ](\/[^'"\s:]+)/i,
    ([, path], { plan }) => {
      const within = (one: { path: string }) => path === one.path || path?.startsWith(`${one.path}/`)
      const field = plan.volumes.some(within) ? 'volumes' : plan.binds.some(within) ? 'binds' : null
      return field === null
        ? null
        : {
            field,
            hint: `Its user may not write to ${path} (${field}): let that folder belong to the user it runs as.`,
          }
    },
  ),
  when(
    /Cannot find (?:module|package) '([^']+)'|No module named '?([\w.-]+)|can't open file '([^']+)'/,
    (found, { plan, text }) => {
      const [, module = '', python, script] = found
      const missing = module || python || script || ''
      const isPath = script !== undefined || /^(?:\/|\.|file:)/.test(missing)
      const imported = / imported from |Require stack:\n- \//.test(text)
      if (isPath && !imported)
        return {
          field: start,
          hint: `There is no ${missing}: set ${start} to the file that starts it, as the build writes it.`,
        }
      if (isPath) return { field: 'source', hint: `A file of the source names ${missing}, which is not there.` }
      const field = installs(plan)
      return {
        field,
        hint: `Add ${missing} to the dependencies that are installed (${field}), and not for development alone.`,
      }
    },
  ),
  when(/(?:^|\n)(?:file:\/\/)?(\/\S+:\d+)\n[\s\S]*?\n(SyntaxError: [^\n]*)/, ([, place, said]) => ({
    field: 'source',
    hint: `Mend ${place} of the source: ${said}.`,
  })),
  ({ plan, lines }) => {
    const name = missingVariable(plan, lines)
    return name === null
      ? null
      : { field: 'environment', hint: `Set ${name} in environment, with the scope runtime or both.` }
  },
  ({ exitCode }) =>
    exitCode === 0
      ? { field: start, hint: `It ended by itself: set ${start} to a command that goes on running.` }
      : null,
]

const lacks =
  /not set|not defined|undefined|unset|missing|required|must be|not found|KeyError|is empty|no value|not provided/i

/** A variable of which the release says that it lacks it, and which it has not been given. */
function missingVariable({ environment }: Plan, lines: readonly string[]): string | null {
  for (const line of lines) {
    if (!lacks.test(line)) continue
    for (const [name] of line.matchAll(/\b[A-Z][A-Z\d]*(?:_[A-Z\d]+)+\b/g)) {
      const given = environment[name]
      if (!name.startsWith('ERR_') && (given === undefined || given.scope === 'build')) return name
    }
  }
  return null
}

/** Null: the exit code alone tells. */
export function exitSign(plan: Plan, exitCode: number | undefined, lines: readonly string[]): ExitSign | null {
  const ended = { plan, exitCode, lines, text: lines.join('\n') }
  for (const reader of readers) {
    const sign = reader(ended)
    if (sign !== null) return sign
  }
  return null
}
