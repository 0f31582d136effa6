import type { Fault, Line } from './lines.js'
import { jsonList, splitFlags } from './words.js'

export interface Instruction {
  line: number
  /** In upper case. */
  name: string
  flags: readonly [name: string, value: string][]
  /** What follows name and flags. */
  rest: string
  heredocs: readonly string[]
}

const known: ReadonlySet<string> = new Set([
  ...[
    'ADD',
    'ARG',
    'CMD',
    'COPY',
    'ENTRYPOINT',
    'ENV',
    'EXPOSE',
    'FROM',
    'HEALTHCHECK',
    'LABEL',
    'MAINTAINER',
    'ONBUILD',
  ],
  ...['RUN', 'SHELL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'],
])
const mayBeBare: ReadonlySet<string> = new Set(['CMD', 'ENTRYPOINT', 'RUN'])

/** The instruction of a line, or what a builder would refuse in it whatever the variables hold. */
export function readInstruction({ line, text, heredocs }: Line): Instruction | Fault {
  const trimmed = text.trim()
  const end = trimmed.search(/\s/)
  const word = end === -1 ? trimmed : trimmed.slice(0, end)
  const name = word.toUpperCase()
  if (!known.has(name)) return unknown(line, word)
  const { flags, rest } = splitFlags(end === -1 ? '' : trimmed.slice(end))
  const instruction: Instruction = { line, name, flags, rest, heredocs }
  const message = refusal(instruction)
  return message === null ? instruction : { line, ...message }
}

export const isFault = (one: Instruction | Fault): one is Fault => 'message' in one

function unknown(line: number, word: string): Fault {
  const name = word.toUpperCase().slice(0, 40)
  const near = name.length < 20 ? [...known].find((one) => isNear(one, name)) : undefined
  const shown = JSON.stringify(word.slice(0, 40))
  return { line, message: `${shown} is no instruction`, ...(near === undefined ? {} : { fix: near }) }
}

type Refusal = { message: string; fix?: string } | null

function refusal({ name, flags, rest }: Instruction): Refusal {
  const list = jsonList(rest)
  if (rest === '' && !mayBeBare.has(name)) return { message: `${name} needs something behind it` }
  switch (name) {
    case 'FROM':
      return fromRefusal(rest)
    case 'ADD':
    case 'COPY':
      if (list === 'mixed') return notStrings(name)
      return (list ?? rest.split(/\s+/)).length < 2 ? { message: `${name} needs a source and a destination` } : null
    case 'CMD':
    case 'ENTRYPOINT':
    case 'RUN':
    case 'VOLUME':
      return list === 'mixed' ? notStrings(name) : null
    case 'SHELL':
      if (list === 'mixed') return notStrings(name)
      return list === null || list.length === 0
        ? { message: 'SHELL takes a list in JSON', fix: 'SHELL ["/bin/bash", "-c"]' }
        : null
    case 'HEALTHCHECK':
      return healthcheckRefusal(flags, rest)
    case 'ONBUILD':
      return onbuildRefusal(rest)
    default:
      return null
  }
}

const notStrings = (name: string): Refusal => ({
  message: `the list of ${name} holds something else than strings`,
  fix: `${name} ["node", "server.js", "8080"]`,
})

function fromRefusal(rest: string): Refusal {
  const [, as, stage, ...more] = rest.split(/\s+/)
  if (as === undefined) return null
  if (as.toLowerCase() !== 'as' || stage === undefined || more.length > 0) {
    return { message: 'FROM takes an image and nothing else but AS and a name', fix: 'FROM node:22 AS build' }
  }
  if (/^[a-z][a-z0-9_.-]*$/i.test(stage)) return null
  return {
    message: `${JSON.stringify(stage.slice(0, 60))} cannot name a stage: a letter first, then letters, digits, _ . and -`,
  }
}

const duration = /^(?:0|(?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|s|m|h)){1,6})$/

function healthcheckRefusal(flags: Instruction['flags'], rest: string): Refusal {
  const [kind = '', ...command] = rest.split(/\s+/)
  const example = 'HEALTHCHECK CMD curl -f http://localhost/'
  if (kind.toUpperCase() === 'NONE') {
    return command.length > 0 ? { message: 'HEALTHCHECK NONE takes nothing behind it', fix: 'HEALTHCHECK NONE' } : null
  }
  if (kind.toUpperCase() !== 'CMD') return { message: 'HEALTHCHECK takes NONE or CMD', fix: example }
  if (command.length === 0) return { message: 'HEALTHCHECK CMD needs a command', fix: example }
  for (const [name, value] of flags) {
    const bad = name === 'retries' ? !/^[0-9]{1,9}$/.test(value) : value.length > 60 || !duration.test(value)
    if (bad && ['interval', 'timeout', 'start-period', 'start-interval', 'retries'].includes(name)) {
      return {
        message: `--${name} of HEALTHCHECK cannot be ${JSON.stringify(value.slice(0, 40))}`,
        fix: '--interval=30s',
      }
    }
  }
  return null
}

function onbuildRefusal(rest: string): Refusal {
  const name = (rest.split(/\s/, 1)[0] ?? '').toUpperCase()
  if (name === 'ONBUILD' || name === 'FROM' || name === 'MAINTAINER') {
    return { message: `ONBUILD cannot hold ${name}` }
  }
  if (known.has(name)) return null
  return { message: `${JSON.stringify(name.slice(0, 40))} behind ONBUILD is no instruction` }
}

/** One letter more, less, other or in another place; two of that in long words. */
function isNear(word: string, typed: string): boolean {
  return distance(word, typed) <= (word.length > 5 ? 2 : 1)
}

function distance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const steps = Math.min(row[j - 1]! + (same ? 0 : 1), row[j]! + 1, next[j - 1]! + 1)
      next.push(swapped ? Math.min(steps, before[j - 2]! + 1) : steps)
    }
    before = row
    row = next
  }
  return row[b.length]!
}
