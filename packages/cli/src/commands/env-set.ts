import type { ResourceRecord, VariableChanges } from '@appaloft/core/spec'
import { Option } from 'commander'
import type { Context } from '../context.js'
import { withEngineHere } from '../engine.js'
import { usageError } from '../errors.js'
import type { ExitCode } from '../exit-codes.js'
import { collect } from '../project/flags.js'
import { checkName, readSecrets, splitAssignment } from '../project/variables.js'
import { addChangeFlags, type ChangeFlags, change } from './env-change.js'
import type { Register } from './register.js'
import { namedResource } from './resource-here.js'

interface SetFlags extends ChangeFlags {
  secret?: string[]
  scope?: 'build' | 'runtime' | 'both'
}

export const set: Register = (group, run) => {
  const command = group
    .command('set')
    .description('set variables; they outlast the next up where the configuration does not name them')
    .argument('<resource>')
    .argument('[name=value...]')
    .option(
      '--secret <name>',
      'a secret, its value from the environment; NAME=@FILE reads a file, NAME=- stdin (repeatable)',
      collect,
    )
    .addOption(
      new Option('--scope <scope>', 'who sees them (default: as before, else runtime)').choices([
        'build',
        'runtime',
        'both',
      ]),
    )
  addChangeFlags(command).action(run(apply))
}

async function apply(ctx: Context, name: string, assignments: string[], flags: SetFlags): Promise<ExitCode> {
  const plain = assignments.map((text) => splitAssignment(text, 'env set'))
  const { secret = [] } = flags
  if (plain.length + secret.length === 0) throw usageError('Nothing to set: give NAME=VALUE, or --secret NAME.')
  return withEngineHere(ctx, async (parts) => {
    const before = await namedResource(parts, name)
    // Only now: nobody types a secret for a resource that is not there.
    const secrets = await readSecrets(secret, ctx.io)
    const scope = flags.scope === undefined ? {} : { scope: flags.scope }
    const changes: VariableChanges = {}
    for (const [variable, value] of plain) {
      refuseSecret(before, variable)
      changes[checkName(variable)] = { value, ...scope }
    }
    for (const { name: variable, value } of secrets) {
      if (variable in changes) throw usageError(`${variable} is given twice: as a secret and in clear.`)
      changes[variable] = { value, secret: true, ...scope }
    }
    return change(ctx, parts, before, changes, flags)
  })
}

/** What was a secret until now stood on the command line: too late for this value, in time for the habit. */
function refuseSecret({ id, definition }: ResourceRecord, name: string): void {
  const present = definition.environment?.[name]
  if (present === undefined || !('secret' in present)) return
  throw usageError(
    `${name} is a secret: its value must not stand on the command line, where others can read it.`,
    `Write --secret ${name}, or take the secret away first: appaloft env unset ${id} ${name}`,
  )
}
