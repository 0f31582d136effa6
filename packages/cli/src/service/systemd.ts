import { existsSync } from 'node:fs'
import type { Context } from '../context.js'
import { CliError } from '../errors.js'
import { exitCodes } from '../exit-codes.js'
import type { Machine, Ran } from './machine.js'
import type { Scope } from './unit.js'

export interface Systemd {
  /** `service-manager-unavailable` where nobody answers, or where it refuses. */
  call(...args: string[]): Promise<string>
  /** The same, and what it says whatever it says. */
  ask(...args: string[]): Promise<Ran>
}

/** The service manager of this user, or of the system. Fails at once where there is none. */
export async function openSystemd(ctx: Context, scope: Scope): Promise<Systemd> {
  const { machine } = ctx.deps
  const ask = (...args: string[]) =>
    machine.run('systemctl', scope === 'user' ? ['--user', ...args] : args, busOf(ctx, scope))
  const call = async (...args: string[]) => {
    const ran = await ask(...args)
    if (ran.code !== 0) throw unavailable(scope, ran, machine)
    return ran.stdout
  }
  await call('show', '--property=Version')
  return { call, ask }
}

/** A shell that was not logged in (su, cron) lacks the name of the user's bus, which is always the same. */
export function busOf(ctx: Context, scope: Scope): Record<string, string> {
  const { uid } = ctx.deps.machine
  const folder = `/run/user/${uid}`
  return scope === 'user' && ctx.io.env.XDG_RUNTIME_DIR === undefined && existsSync(folder)
    ? { XDG_RUNTIME_DIR: folder }
    : {}
}

function unavailable(scope: Scope, ran: Ran, machine: Machine): CliError {
  const [said] = ran.stderr.trim().split('\n')
  const missing = ran.code === null && ran.stderr.includes('ENOENT')
  const message = missing
    ? 'There is no systemd on this machine.'
    : `systemd${scope === 'user' ? ' of this user' : ''} does not do it: ${said || `systemctl ended with ${ran.code}`}`
  return new CliError('service-manager-unavailable', message, {
    category: 'runtime-backend',
    exitCode: exitCodes.failure,
    hint: hintFor(scope, missing || !machine.booted, machine.uid),
  })
}

function hintFor(scope: Scope, absent: boolean, uid: number | undefined): string {
  if (absent) {
    return 'Let what starts things here at boot run appaloft reconcile as this user (a line with @reboot in its crontab, for example).'
  }
  if (scope === 'user')
    return 'Log in as this user itself (ssh, not su), or install a unit of the system: sudo appaloft service install --system --state-dir FOLDER'
  return uid === 0 ? 'Look at what systemctl says.' : 'Run it as root, with --state-dir FOLDER; or use --user.'
}
