import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Context } from '../context.js'
import { CliError } from '../errors.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { writePrivate } from '../io/files.js'
import { type Place, placeOf, readUnit, type ServiceFlags } from '../service/files.js'
import { planUnit } from '../service/plan.js'
import { busOf, openSystemd } from '../service/systemd.js'
import { unitServes } from '../service/unit.js'
import type { Register } from './register.js'
import { addServiceFlags } from './service-flags.js'

interface InstallFlags extends ServiceFlags {
  dryRun?: boolean
  force?: boolean
}

export const install: Register = (group, run) => {
  const command = group
    .command('install')
    .description('write the unit for this state folder and enable it; again after an upgrade that moved the program')
    .option('--dry-run', 'print the unit and change nothing')
    .option('--force', 'replace a unit that is not ours, or that serves another state folder')
  addServiceFlags(command).action(run(write))
}

async function write(ctx: Context, flags: InstallFlags): Promise<ExitCode> {
  const place = placeOf(ctx, flags)
  const { text, stateDir, warnings } = await planUnit(ctx, place.scope)
  if (flags.dryRun) {
    ctx.json({ kind: 'service-unit', unit: place.unit, scope: place.scope, file: place.file, text })
    ctx.result(text.trimEnd())
    for (const warning of warnings) ctx.warn(`${ctx.errStyle.yellow('⚠')} ${warning}`)
    return exitCodes.success
  }
  const systemd = await openSystemd(ctx, place.scope)
  if (!flags.force) await refuseForeign(place, stateDir)
  await mkdir(dirname(place.file), { recursive: true }).catch(() => {})
  await writePrivate(place.file, text, { force: true, mode: 0o644 })
  await systemd.call('daemon-reload')
  await systemd.call('enable', place.unit)
  if (place.scope === 'user') warnings.push(...(await linger(ctx)))
  ctx.json({ kind: 'service-installed', unit: place.unit, scope: place.scope, file: place.file, stateDir })
  ctx.say(`${ctx.style.green('✔')} ${place.unit} is enabled: at boot the releases of ${stateDir} return`)
  ctx.say(ctx.style.dim(`  ${place.file}`))
  for (const warning of warnings) ctx.warn(`${ctx.errStyle.yellow('⚠')} ${warning}`)
  return exitCodes.success
}

async function refuseForeign({ file, unit }: Place, stateDir: string): Promise<void> {
  const present = await readUnit(file)
  if (present === null || (present.ours && unitServes(present.text, stateDir))) return
  const [what, hint] = present.ours
    ? ['serves another state folder', 'Give this one a unit of its own with --name, or pass --force to replace it.']
    : ['was not written by this command', 'Choose another name with --name, or pass --force to replace it.']
  throw new CliError('already-exists', `The unit ${unit} ${what}.`, { hint, details: { file } })
}

/** Without it the units of a user begin at the login, and end with the last one. */
async function linger(ctx: Context): Promise<string[]> {
  const { code } = await ctx.deps.machine.run('loginctl', ['enable-linger'], busOf(ctx, 'user'))
  if (code === 0) return []
  const { username } = ctx.deps.machine
  return [`The releases return at the next login only. For the boot: sudo loginctl enable-linger ${username}`]
}
