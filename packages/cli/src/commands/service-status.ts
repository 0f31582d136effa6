import type { Context } from '../context.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { table } from '../output/text.js'
import { type Place, placeOf, readUnit, type ServiceFlags } from '../service/files.js'
import { planUnit } from '../service/plan.js'
import { busOf, openSystemd } from '../service/systemd.js'
import type { Register } from './register.js'
import { addServiceFlags } from './service-flags.js'

export const status: Register = (group, run) => {
  addServiceFlags(
    group.command('status').description('is the unit there, is it enabled, and what did its last run do'),
  ).action(run(show))
}

interface Found extends Place {
  installed: boolean
  enabled: boolean
  /** Of systemd: active, inactive, failed, … */
  active: string
  result: string
  /** Of the user; null: of no matter. */
  linger: boolean | null
  /** Is it what `service install` would write now? */
  upToDate: boolean
}

async function show(ctx: Context, flags: ServiceFlags): Promise<ExitCode> {
  const found = await look(ctx, placeOf(ctx, flags))
  ctx.json({ kind: 'service', ...found })
  if (!ctx.globals.json) for (const line of lines(ctx, found)) ctx.result(line)
  const good = found.installed && found.enabled && found.active !== 'failed' && found.linger !== false
  return good ? exitCodes.success : exitCodes.failure
}

async function look(ctx: Context, place: Place): Promise<Found> {
  const [present, { text }, systemd] = await Promise.all([
    readUnit(place.file),
    planUnit(ctx, place.scope),
    openSystemd(ctx, place.scope),
  ])
  const said = await systemd.call('show', place.unit, '--property=UnitFileState,ActiveState,Result')
  const facts = new Map(said.split('\n').map((line) => line.split(/=(.*)/s, 2) as [string, string]))
  return {
    ...place,
    installed: present !== null,
    enabled: facts.get('UnitFileState') === 'enabled',
    active: facts.get('ActiveState') ?? 'unknown',
    result: facts.get('Result') ?? 'unknown',
    linger: place.scope === 'user' ? await lingers(ctx) : null,
    upToDate: present?.text === text,
  }
}

async function lingers(ctx: Context): Promise<boolean> {
  const { machine } = ctx.deps
  const { stdout } = await machine.run(
    'loginctl',
    ['show-user', machine.username, '--property=Linger'],
    busOf(ctx, 'user'),
  )
  return stdout.trim() === 'Linger=yes'
}

function lines(ctx: Context, found: Found): string[] {
  const { style } = ctx
  const { unit, scope, machine } = { ...found, machine: ctx.deps.machine }
  if (!found.installed)
    return [`There is no unit ${unit} of ${scope === 'user' ? 'this user' : 'the system'}: appaloft service install`]
  const last =
    found.active === 'failed'
      ? style.red(`failed (${found.result})`)
      : found.active === 'active'
        ? 'it did its work'
        : 'none since the boot'
  const rows = [
    ['file', found.file],
    ['at boot', found.enabled ? style.green('enabled') : style.red('not enabled')],
    ['last run', last],
  ]
  const journal = `journalctl ${scope === 'user' ? '--user ' : ''}-u ${unit}`
  return [
    `${style.bold(unit)} of ${scope === 'user' ? 'this user' : 'the system'}`,
    ...table(rows.map(([label = '', value = '']) => [`  ${style.dim(label)}`, value])),
    ...(found.active === 'failed' ? [`  ${style.yellow('⚠')} what it said: ${journal}`] : []),
    ...(found.linger === false
      ? [`  ${style.yellow('⚠')} it waits for a login: sudo loginctl enable-linger ${machine.username}`]
      : []),
    ...(found.upToDate
      ? []
      : [`  ${style.yellow('⚠')} it is not for this program, state folder and PATH: appaloft service install`]),
  ]
}
