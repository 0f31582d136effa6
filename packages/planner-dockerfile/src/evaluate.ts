import { contextPath, copied, mounts, type Taken, type Use } from './copies.js'
import { expand, Unexpandable } from './expand.js'
import type { Stage } from './file.js'
import { childOf, emptyImage, type Image, type Start } from './image.js'
import { type Instruction, isFault, readInstruction } from './instructions.js'
import type { Fault } from './lines.js'
import { limits } from './options.js'
import { readArgs, readPairs } from './pairs.js'
import { type Ports, readPorts } from './ports.js'
import { argValue, assign, type BuildInputs, lookupIn, type Scope, valueOf } from './scope.js'
import { isSignal } from './signals.js'
import { jsonList } from './words.js'

export interface Settings {
  escape: string
  globals: Scope
  inputs: BuildInputs
}

/** What one stage says. */
export interface Evaluated {
  image: Image
  faults: Fault[]
  uses: Use[]
  /** What COPY and mounts name behind `from`. */
  froms: { line: number; text: string }[]
  args: { line: number; name: string; global?: true }[]
  /** The names of secrets that are mounted. */
  secrets: string[]
}

/** Goes through a stage in order, as a builder does; `parent` is what it is built on. */
export function evaluate(stage: Stage, parent: Image | string | null, settings: Settings): Evaluated {
  const image = typeof parent === 'object' && parent !== null ? childOf(parent) : emptyImage(parent)
  const result: Evaluated = { image, faults: [], uses: [], froms: [], args: [], secrets: [] }
  const triggers = typeof parent === 'object' && parent !== null ? parent.onbuild.map(readInstruction) : []
  for (const instruction of [...triggers, ...stage.instructions]) {
    if (isFault(instruction)) {
      result.faults.push(instruction)
      continue
    }
    try {
      step(instruction, result, settings)
    } catch (error) {
      if (!(error instanceof Unexpandable)) throw error
      result.faults.push({ line: instruction.line, message: error.message })
    }
  }
  return result
}

function step(instruction: Instruction, result: Evaluated, settings: Settings): void {
  const { line, name, rest, flags } = instruction
  const { image } = result
  const { escape } = settings
  const expanded = (text: string) => expand(text, lookupIn(image.scope), escape)
  const fact = () => {
    const { text, unknown } = expanded(rest)
    return { line, text: unknown ? rest : text }
  }
  switch (name) {
    case 'ARG':
      for (const [arg, text] of readArgs(rest, escape) ?? []) {
        result.args.push({ line, name: arg })
        const value = argValue(arg, text, { scope: image.scope, ...settings })
        if (value !== undefined) assign(image.scope, arg, value)
      }
      return
    case 'ENV': {
      // All of one ENV see the values before it.
      const pairs = (readPairs(rest, escape) ?? []).map(
        ([key, text]) => [key, valueOf(text, image.scope, escape)] as const,
      )
      for (const [key, value] of pairs) {
        assign(image.scope, key, value)
        assign(image.environment, key, value)
      }
      return
    }
    case 'EXPOSE':
      expose(instruction, result, settings)
      return
    case 'ADD':
    case 'COPY':
      take(line, copied(instruction), result, settings)
      return
    case 'RUN':
      for (const mount of mounts(instruction)) {
        if (mount.type === 'secret') result.secrets.push(...mount.secrets)
        const source = mount.type === 'bind' ? (mount.source ?? '') : ''
        take(line, { instruction: 'RUN', from: mount.from, sources: [source] }, result, settings)
      }
      return
    case 'CMD':
      image.cmd = startOf(instruction, 'CMD')
      image.cmdIsOwn = true
      return
    case 'ENTRYPOINT':
      // What is handed on as CMD was meant for the entry point before.
      if (!image.cmdIsOwn) image.cmd = null
      image.entrypoint = startOf(instruction, 'ENTRYPOINT')
      return
    case 'HEALTHCHECK':
      image.healthcheck = { line, text: rest, flags }
      return
    case 'USER':
      image.user = fact()
      return
    case 'STOPSIGNAL': {
      const { text, unknown } = expanded(rest)
      if (!unknown && !isSignal(text)) {
        result.faults.push({ line, message: `${JSON.stringify(text.slice(0, 40))} is no signal`, fix: 'SIGTERM' })
      }
      image.stopSignal = { line, text: unknown ? rest : text }
      return
    }
    case 'ONBUILD':
      image.onbuild.push({ line, text: rest, heredocs: [...instruction.heredocs] })
      return
    case 'WORKDIR':
    case 'VOLUME':
      expanded(rest)
      return
  }
}

const startOf = ({ line, rest }: Instruction, instruction: Start['instruction']): Start => {
  const list = jsonList(rest)
  return { line, instruction, text: rest, argv: Array.isArray(list) ? list : null }
}

function expose({ line, rest }: Instruction, { image, faults }: Evaluated, { escape }: Settings): void {
  for (const text of rest.split(/\s+/)) {
    if (image.exposed.length >= limits.ports) return
    const { words, unset, unknown } = expand(text, lookupIn(image.scope), escape)
    const ports: Ports[] = []
    for (const word of unknown ? [] : words) {
      const found = readPorts(word)
      if (found !== null) ports.push(found)
      else faults.push({ line, message: `${JSON.stringify(word.slice(0, 40))} is no port`, fix: 'EXPOSE 8080' })
    }
    image.exposed.push({ line, text, ports, unset, unknown })
  }
}

function take(line: number, { instruction, from, sources }: Taken, result: Evaluated, { escape }: Settings): void {
  const lookup = lookupIn(result.image.scope)
  if (from !== undefined) {
    const { text, unknown } = expand(from, lookup, escape)
    if (!unknown) result.froms.push({ line, text })
    return
  }
  for (const source of sources) {
    const { text, unset, unknown } = expand(source, lookup, escape)
    // A pattern may match nothing, and a variable of the base image may stand behind a name without a value.
    if (unknown || unset.length > 0 || /[*?[\\]/.test(text)) continue
    if (result.uses.length < limits.sources)
      result.uses.push({ line, instruction, text: source, path: contextPath(text) })
  }
}
