import { posix } from 'node:path'
import type { Command, Plan } from '@appaloft/core/spec'

/** Words of a Dockerfile in their JSON form, which no shell and no builder looks into. */
export const json = (words: readonly string[]): string => JSON.stringify(words)

/** A path as the one word of an instruction that expands variables. */
export const quoted = (path: string): string => `"${path.replace(/["\\$]/g, '\\$&')}"`

/** How an instruction names its base, its files and its users: nothing in it is the user's text. */
export const safePath = (path: string): string => {
  const plain = posix.normalize(path)
  if (posix.isAbsolute(plain) || plain === '..' || plain.startsWith('../'))
    throw new RangeError(`${path} leads out of the source`)
  return plain
}

const argvOf = (command: Command): string[] => (typeof command === 'string' ? ['/bin/sh', '-c', command] : [...command])

export interface BuildVariables {
  plain: string[]
  secret: string[]
}

/** The names of the variables of build scope. Their values are no part of a Dockerfile. */
export function buildVariables(plan: Plan): BuildVariables {
  const all = Object.entries(plan.environment)
    .filter(([, one]) => one.scope !== 'runtime')
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const names = (secret: boolean) => all.filter(([, one]) => 'secret' in one === secret).map(([name]) => name)
  return { plain: names(false), secret: names(true) }
}

/** A value's last line breaks are part of it, which `$(…)` would cut. */
const exported = (name: string) => `${name}=$(cat /run/secrets/${name}; printf x); export ${name}="\${${name}%x}"; `

/**
 * A command as an instruction: it sees the variables, the secret ones from files that are there while it runs and in no layer. Its own words
 * are arguments of a fixed text, never part of it.
 */
export function runLine(
  command: Command,
  { secret }: BuildVariables,
  options: { caches?: readonly string[] } = {},
): string {
  const mounts = [
    ...(options.caches ?? []).map((target) => `--mount=type=cache,sharing=locked,target=${target}`),
    ...secret.map((name) => `--mount=type=secret,id=${name},required=true`),
  ]
  // What tells one build's inputs from another's is for the builder alone.
  const text = `unset ${inputsArgument} PWD OLDPWD SHLVL; ${secret.map(exported).join('')}exec "$@"`
  return ['RUN', ...mounts, json(['/bin/sh', '-c', text, 'sh', ...argvOf(command)])].join(' ')
}

export const inputsArgument = 'APPALOFT_INPUTS'

/** From here on the builder looks whether the inputs are the same: files, commands and variables, in one digest. */
export const argumentLines = ({ plain }: BuildVariables, withInputs: boolean): string[] => [
  ...plain.map((name) => `ARG ${name}`),
  ...(withInputs ? [`ARG ${inputsArgument}`] : []),
]
