import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.js'
import { usageError } from '../errors.js'
import { type Scope, unitMark } from './unit.js'

export interface ServiceFlags {
  user?: boolean
  system?: boolean
  name?: string
}

export interface Place {
  scope: Scope
  /** With `.service`. */
  unit: string
  file: string
}

/** Which unit is meant: of the user, or of the system where root asks and says nothing else. */
export function placeOf(ctx: Context, flags: ServiceFlags): Place {
  if (flags.user && flags.system) throw usageError('--user and --system exclude each other.')
  const { machine } = ctx.deps
  const name = flags.name ?? 'appaloft'
  if (!/^[\w:.-]{1,200}$/.test(name)) throw usageError('The name of a unit has letters, digits and : _ . - only.')
  const scope = flags.system || (machine.uid === 0 && !flags.user) ? 'system' : 'user'
  const unit = `${name.replace(/\.service$/, '')}.service`
  return { scope, unit, file: join(scope === 'system' ? machine.systemUnits : userUnits(ctx), unit) }
}

function userUnits({ io: { env } }: Context): string {
  const base = env.XDG_CONFIG_HOME || (env.HOME && join(env.HOME, '.config'))
  if (!base) throw usageError('HOME is not set, so that nobody knows where the units of this user lie.')
  return join(base, 'systemd', 'user')
}

/** The unit that is there; null: none. */
export async function readUnit(file: string): Promise<{ text: string; ours: boolean } | null> {
  try {
    const text = await readFile(file, 'utf8')
    return { text, ours: text.startsWith(unitMark) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw usageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, 'Use the user that owns it.')
  }
}
