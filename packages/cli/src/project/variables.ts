import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ResourceDefinition, Variable } from '@appaloft/core/spec'
import { usageError } from '../errors.js'
import type { Io } from '../io/io.js'
import type { ProfileFlags } from './flags.js'

type Environment = NonNullable<ResourceDefinition['environment']>

/** The definition with the variables of `--env`, `--build-env`, `--secret` and `--build-secret`. */
export async function applyVariables(
  definition: ResourceDefinition,
  flags: Pick<ProfileFlags, 'env' | 'buildEnv' | 'secret' | 'buildSecret'>,
  io: Io,
): Promise<ResourceDefinition> {
  const environment: Environment = { ...definition.environment }
  for (const text of flags.env ?? []) {
    const [name, value] = splitAssignment(text, '--env')
    environment[name] = { value }
  }
  for (const text of flags.buildEnv ?? []) {
    const [name, value] = splitAssignment(text, '--build-env')
    const runtime = (flags.env ?? []).includes(text)
    environment[name] = { value, scope: runtime ? 'both' : 'build' } satisfies Variable
  }
  const { secret = [], buildSecret = [] } = flags
  // One that both name is read once.
  const built = new Set(buildSecret.map(nameOfSecret))
  const running = new Set(secret.map(nameOfSecret))
  const all = [...secret, ...buildSecret.filter((flag) => !running.has(nameOfSecret(flag)))]
  for (const { name, value } of await readSecrets(all, io)) {
    const scope = built.has(name) ? (running.has(name) ? 'both' : 'build') : environment[name]?.scope
    environment[name] = { value, secret: true, ...(scope === undefined ? {} : { scope }) }
  }
  return Object.keys(environment).length === 0 ? definition : { ...definition, environment }
}

const nameOfSecret = (flag: string): string => flag.split('=', 1)[0] ?? flag

export function splitAssignment(text: string, flag: string): [name: string, value: string] {
  const at = text.indexOf('=')
  if (at < 1) throw usageError(`${flag} takes NAME=VALUE.`)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** As the engine wants it; said here, where the words can be the user's. */
export function checkName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name
  throw usageError(`${name} is no name of a variable.`, 'It has letters, digits and _ only, and begins with no digit.')
}

/** The value of each secret, never from the command line itself, which other users of the machine can read. */
export async function readSecrets(flags: readonly string[], io: Io): Promise<{ name: string; value: string }[]> {
  const fromStdin = flags.filter((flag) => flag.endsWith('=-'))
  if (fromStdin.length > 1) throw usageError('Only one secret can be read from stdin.')
  const found: { name: string; value: string }[] = []
  for (const flag of flags) {
    const at = flag.indexOf('=')
    const name = at < 0 ? flag : flag.slice(0, at)
    const origin = at < 0 ? '' : flag.slice(at + 1)
    found.push({ name, value: await readSecret(name, origin, io) })
  }
  return found
}

export async function readSecret(name: string, origin: string, io: Io): Promise<string> {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw usageError('A secret’s name has letters, digits and _ only.')
  if (origin === '-') return io.stdin.readAll()
  if (origin.startsWith('@')) return readValueFile(name, origin.slice(1), io.cwd)
  if (origin !== '') {
    throw usageError(
      `The value of ${name} must not stand on the command line, where others can read it.`,
      `Set it in the environment and write --secret ${name}, or use ${name}=@FILE or ${name}=- for stdin.`,
    )
  }
  const value = io.env[name]
  if (value !== undefined) return value
  if (io.stdin.isTTY) return io.stdin.askHidden(`${name}: `)
  throw usageError(
    `The secret ${name} is not in the environment.`,
    `Set ${name} in the environment, or use ${name}=@FILE or ${name}=- for stdin.`,
  )
}

function readValueFile(name: string, file: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8').replace(/\r?\n$/, '')
  } catch {
    throw usageError(`The file with the secret ${name} cannot be read: ${file}`)
  }
}
