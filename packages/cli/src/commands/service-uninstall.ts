import { rm } from 'node:fs/promises'
import type { Context } from '../context.js'
import { CliError } from '../errors.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { placeOf, readUnit, type ServiceFlags } from '../service/files.js'
import { openSystemd } from '../service/systemd.js'
import type { Register } from './register.js'
import { addServiceFlags } from './service-flags.js'

export const uninstall: Register = (group, run) => {
  addServiceFlags(group.command('uninstall').description('disable the unit and remove it; what runs goes on')).action(
    run(remove),
  )
}

async function remove(ctx: Context, flags: ServiceFlags): Promise<ExitCode> {
  const { file, unit, scope } = placeOf(ctx, flags)
  const present = await readUnit(file)
  if (present === null) {
    ctx.json({ kind: 'service-removed', unit, scope, file, removed: false })
    ctx.say(`There is no unit ${unit} of ${scope === 'user' ? 'this user' : 'the system'}.`)
    return exitCodes.success
  }
  if (!present.ours) {
    throw new CliError('already-exists', `The unit ${unit} was not written by this command: it is left alone.`, {
      hint: 'Remove it by hand, or name the right one with --name.',
      details: { file },
    })
  }
  const systemd = await openSystemd(ctx, scope)
  // Stopped while systemd still knows from the file that this must not take the releases along.
  await systemd.call('disable', '--now', unit)
  await rm(file, { force: true })
  await systemd.call('daemon-reload')
  ctx.json({ kind: 'service-removed', unit, scope, file, removed: true })
  ctx.say(`${ctx.style.green('✔')} ${unit} is removed; what runs goes on, and will not return after a reboot`)
  return exitCodes.success
}
