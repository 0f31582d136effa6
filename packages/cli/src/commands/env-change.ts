import type { ResourceRecord, VariableChanges } from '@appaloft/core/spec'
import type { Command } from 'commander'
import type { Composed, Context } from '../context.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { changedVariables } from '../project/environment.js'
import { text } from '../project/flags.js'
import { runRedeploy } from '../rollout.js'

export interface ChangeFlags {
  redeploy?: boolean
  target?: string
}

export const addChangeFlags = (command: Command): Command =>
  command
    .option('--redeploy', 'deploy it again at once, so that what runs has the change')
    .option('--target <key>', 'with --redeploy: this target alone (default: all where it is live)', text)

/** Changes variables, says what changed and how it reaches the application, and does that at once with `--redeploy`. */
export async function change(
  ctx: Context,
  { engine }: Composed,
  before: ResourceRecord,
  changes: VariableChanges,
  flags: ChangeFlags,
): Promise<ExitCode> {
  const { id } = before
  const after = await engine.resources.setVariables(id, changes)
  const changed = changedVariables(before, after)
  ctx.json({ kind: 'variables-changed', resourceId: id, changed, stateVersion: after.stateVersion })
  if (changed.length === 0) ctx.say('Nothing to change: it is so already.')
  else ctx.say(`${ctx.style.green('✔')} ${id}: ${changed.join(', ')}`)
  for (const name of Object.keys(changes)) warnOfDefinition(ctx, before, name, changes[name] === null)
  const { redeploy, target } = flags
  if (redeploy) return runRedeploy(ctx, engine, before, target === undefined ? {} : { target })
  if (changed.length > 0 && Object.keys(before.live).length > 0) {
    ctx.say(`What runs has it after the next deployment: ${ctx.style.cyan(`appaloft redeploy ${id}`)}`)
  }
  return exitCodes.success
}

function warnOfDefinition(ctx: Context, before: ResourceRecord, name: string, taken: boolean): void {
  const defined = before.definition.environment?.[name] !== undefined && !before.variables?.includes(name)
  if (!defined) return
  const words = taken ? 'brings it back' : 'takes its value from there'
  ctx.warn(
    `${ctx.errStyle.yellow('⚠')} ${name} came with the definition: as long as it stands there, the next appaloft up ${words}.`,
  )
}
