import { type Instruction, isFault, readInstruction } from './instructions.js'
import { type Fault, readLines } from './lines.js'
import { limits } from './options.js'
import { readArgs, readPairs } from './pairs.js'

export interface Stage {
  index: number
  /** As it is written. */
  name?: string
  /** The image or stage behind FROM, before variables are put in. */
  base: string
  line: number
  instructions: Instruction[]
}

export interface Dockerfile {
  escape: string
  syntax?: string
  /** The ARG instructions before the first FROM. */
  globals: Instruction[]
  stages: Stage[]
  /** What a builder would refuse whatever the variables hold. */
  faults: Fault[]
}

/** Reads a Dockerfile to its stages. Never throws; what is wrong is in `faults`, by line. */
export function readDockerfile(text: string): Dockerfile {
  const { escape, syntax, lines, faults } = readLines(text)
  const globals: Instruction[] = []
  const stages: Stage[] = []
  for (const line of lines) {
    const one = readInstruction(line)
    const last = stages.at(-1)
    if (isFault(one)) {
      faults.push(one)
      // What follows a FROM that cannot be read has its stage all the same.
      if (/^\s*from\b/i.test(line.text))
        stages.push({ index: stages.length, base: '', line: line.line, instructions: [] })
    } else if (one.name === 'FROM') stages.push(stageOf(one, stages.length))
    else if (last !== undefined) last.instructions.push(one)
    else if (one.name === 'ARG') globals.push(one)
    else faults.push({ line: one.line, message: `${one.name} stands before the first FROM`, fix: 'FROM' })
    if (!isFault(one)) faults.push(...pairFaults(one, escape))
    if (stages.length > limits.stages) {
      faults.push({ line: line.line, message: `there are more than ${limits.stages} stages` })
      break
    }
  }
  if (lines.length === 0) faults.push({ line: 1, message: 'there is no instruction', fix: 'FROM' })
  else if (stages.length === 0 && faults.length === 0)
    faults.push({ line: 1, message: 'there is no FROM', fix: 'FROM' })
  faults.sort((a, b) => a.line - b.line)
  return { escape, ...(syntax === undefined ? {} : { syntax }), globals, stages, faults }
}

function stageOf({ line, rest }: Instruction, index: number): Stage {
  const [base = '', , name] = rest.split(/\s+/)
  return { index, ...(name === undefined ? {} : { name }), base, line, instructions: [] }
}

function pairFaults({ line, name, rest, heredocs }: Instruction, escape: string): Fault[] {
  if (name === 'ONBUILD') {
    const trigger = readInstruction({ line, text: rest, heredocs: [...heredocs] })
    return isFault(trigger) ? [] : pairFaults(trigger, escape)
  }
  if (name === 'ENV' || name === 'LABEL') {
    return readPairs(rest, escape) === null
      ? [{ line, message: `${name} takes names with values`, fix: `${name} NAME=value` }]
      : []
  }
  if (name === 'ARG' && readArgs(rest, escape) === null) {
    return [{ line, message: 'ARG takes names', fix: 'ARG NAME=value' }]
  }
  return []
}
