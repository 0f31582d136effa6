import type { ResourceDefinition } from '@appaloft/core/spec'
import { type Command, Option } from 'commander'
import { integer, nameOf, type ProfileFlag, profileFlags, text } from './profile-flags.js'
import { splitAssignment } from './variables.js'

/** The flags of the profile fields, as commander gives them: variables by name, the others by their entry in the table. */
export interface ProfileFlags {
  env?: string[]
  buildEnv?: string[]
  secret?: string[]
  buildSecret?: string[]
  [flag: string]: unknown
}

const collect = (value: string, former: string[] | undefined) => [...(former ?? []), value]

export { collect, integer, text }

const variableFlags: readonly [flags: string, help: string][] = [
  ['--env <name=value>', 'a variable of the running application (repeatable)'],
  ['--build-env <name=value>', 'a variable of the build (repeatable)'],
  [
    '--secret <name>',
    'a secret variable: NAME is read from the environment or asked for, NAME=@FILE from a file, NAME=- from stdin (repeatable)',
  ],
  ['--build-secret <name>', 'the same for the build alone; with --secret NAME for both (repeatable)'],
]

/** Adds the flags to a command. An explicit flag wins over the configuration file, as that wins over inference. */
export function addProfileFlags(command: Command): Command {
  for (const flag of profileFlags) {
    const option = new Option(flag.flags, flag.help)
    if (flag.choices) option.choices(flag.choices)
    else if (flag.many) option.argParser<string[]>(collect)
    else if (flag.sets === undefined) option.argParser(flag.parse ?? text)
    command.addOption(option)
    // Variables stand where they always stood, after the port.
    if (flag.field === 'network.internalPort')
      for (const [flags, help] of variableFlags) command.option(flags, help, collect)
  }
  return command
}

const variableNames = ['env', 'buildEnv', 'secret', 'buildSecret'] as const

/** What a flag sets its field to; undefined where it was not given. A flag that begins with `no-` is true until then. */
function valueOf(flag: ProfileFlag, flags: ProfileFlags): unknown {
  const given = flags[nameOf(flag)]
  if (flag.sets !== undefined)
    return given === undefined || given === flag.flags.startsWith('--no-') ? undefined : flag.sets
  if (given === undefined || flag.many !== 'pairs') return given
  return Object.fromEntries((given as string[]).map((one) => splitAssignment(one, flag.flags.split(' ')[0]!)))
}

/** Was any profile flag given? */
export const hasProfileFlags = (flags: ProfileFlags): boolean =>
  variableNames.some((name) => flags[name] !== undefined) ||
  profileFlags.some((flag) => valueOf(flag, flags) !== undefined)

/** The definition with the flags laid over it, variables aside. */
export function applyFlags(definition: ResourceDefinition, flags: ProfileFlags): ResourceDefinition {
  const result = structuredClone(definition) as unknown as Record<string, Record<string, unknown>>
  for (const flag of profileFlags) {
    const value = valueOf(flag, flags)
    if (value === undefined) continue
    const path = flag.field.split('.')
    const last = path.pop()!
    let at: Record<string, unknown> = result
    for (const name of path) {
      at[name] = { ...(at[name] as object | undefined) }
      at = at[name] as Record<string, unknown>
    }
    // Arguments of the file that no flag names stay as they are.
    at[last] = flag.many === 'pairs' ? { ...(at[last] as object | undefined), ...(value as object) } : value
  }
  return result as unknown as ResourceDefinition
}
