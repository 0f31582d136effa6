import { isImageReferenceFault, parseImageReference } from '@appaloft/core/spec'
import { type Evaluated, evaluate, type Settings } from './evaluate.js'
import { type Expanded, expand, Unexpandable } from './expand.js'
import type { Dockerfile, Stage } from './file.js'
import type { Image } from './image.js'
import type { Fault } from './lines.js'
import { limits } from './options.js'
import { type BuildInputs, globalScope, lookupIn, type Scope } from './scope.js'

/** What building one stage takes and makes. */
export interface Build {
  image: Image
  faults: Fault[]
  uses: Evaluated['uses']
  args: Evaluated['args']
  /** The names of secrets that are mounted. */
  secrets: ReadonlySet<string>
  /** The images it starts from, in full, in the order of the file. */
  bases: { line: number; image: string }[]
}

/** Goes through the stage and all that it needs, as BuildKit does: other stages are not built. */
export function buildOf(file: Dockerfile, target: Stage, inputs: BuildInputs): Build {
  const faults: Fault[] = []
  let globals: Scope = new Map()
  try {
    globals = globalScope(file.globals, inputs, file.escape)
  } catch (error) {
    if (!(error instanceof Unexpandable)) throw error
    faults.push({ line: file.globals[0]?.line ?? 1, message: error.message })
  }
  const settings: Settings = { escape: file.escape, globals, inputs }
  const bases: Build['bases'] = []
  const done = new Map<Stage, Evaluated>()

  /** The stage of that name before this one. */
  const before = (name: string, { index }: Stage): Stage | undefined =>
    file.stages.findLast((other) => other.index < index && other.name?.toLowerCase() === name)

  const tried = ({ base, line }: Stage): Expanded => {
    try {
      return expand(base, lookupIn(globals), file.escape)
    } catch (error) {
      if (!(error instanceof Unexpandable)) throw error
      faults.push({ line, message: error.message })
      return { text: '', words: [], unset: [], unknown: true }
    }
  }

  const baseOf = (stage: Stage): Stage | string | null => {
    const { text, unset, unknown } = tried(stage)
    if (unknown) return null
    const earlier = before(text, stage)
    if (earlier !== undefined || text === 'scratch') return earlier ?? text
    const reference = parseImageReference(text)
    if (!isImageReferenceFault(reference)) {
      bases.push({ line: stage.line, image: reference.canonical })
      return text
    }
    faults.push(baseFault(stage, text, unset, file, reference))
    return null
  }

  const visit = (stage: Stage): Evaluated => {
    const known = done.get(stage)
    if (known !== undefined) return known
    const base = baseOf(stage)
    const parent = typeof base === 'object' && base !== null ? visit(base).image : base
    const result = evaluate(stage, parent, settings)
    done.set(stage, result)
    return result
  }

  const open = [target]
  const seen = new Set(open)
  for (let stage = open.shift(); stage !== undefined; stage = open.shift()) {
    const from = stage
    for (const { line, text } of visit(from).froms) {
      const other = namedBy(text, from, file, line, faults)
      if (other !== undefined && !seen.has(other)) {
        seen.add(other)
        open.push(other)
      }
    }
    // The stages below it were gone through with it, and name others too.
    for (const [below] of done) {
      if (seen.has(below)) continue
      seen.add(below)
      open.push(below)
    }
  }
  const all = [...done.values()]
  const used = [...bases]
  // What a stage that is not built starts from is checked all the same.
  for (const stage of file.stages) if (!done.has(stage)) baseOf(stage)
  return {
    image: visit(target).image,
    faults: [...faults, ...all.flatMap((one) => one.faults)].sort((a, b) => a.line - b.line),
    uses: all.flatMap((one) => one.uses).slice(0, limits.sources),
    args: [
      ...file.globals.flatMap(({ line, rest }) =>
        rest.split(/\s+/).map((one) => ({ line, name: one.split('=', 1)[0]!, global: true as const })),
      ),
      ...all.flatMap((one) => one.args),
    ],
    secrets: new Set(all.flatMap((one) => one.secrets)),
    bases: used.sort((a, b) => a.line - b.line),
  }
}

function namedBy(
  text: string,
  { index }: Stage,
  { stages }: Dockerfile,
  line: number,
  faults: Fault[],
): Stage | undefined {
  const named = stages.findLast((stage) => stage.name?.toLowerCase() === text.toLowerCase())
  if (named !== undefined || !/^[0-9]{1,9}$/.test(text)) {
    if (named?.index === index) faults.push({ line, message: `the stage ${named.name} takes files from itself` })
    return named
  }
  const stage = stages[Number(text)]
  if (stage === undefined || stage.index >= index) {
    faults.push({ line, message: `there is no stage ${text} before this one` })
    return undefined
  }
  return stage
}

function baseFault(
  stage: Stage,
  text: string,
  unset: readonly string[],
  { globals }: Dockerfile,
  { fault, suggestion }: { fault: string; suggestion?: string },
): Fault {
  const { line } = stage
  const [name] = unset
  if (name !== undefined) {
    const declared = globals.some(({ rest }) => rest.split(/\s+/).includes(name))
    return {
      line,
      message: `FROM ${stage.base.slice(0, 100)} uses ${name}, which has no value${declared ? '' : ' before the first FROM'}`,
      fix: `ARG ${name}=…`,
      ...(declared ? { override: { profileField: `runtime.buildArgs.${name}`, example: 'latest' } } : {}),
    }
  }
  return {
    line,
    message: `FROM names no image, ${JSON.stringify(text.slice(0, 100))}: ${lowerFirst(fault)}`,
    ...(suggestion === undefined ? {} : { fix: `FROM ${suggestion}` }),
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '')
