import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { findConfig } from '../config/find.js'
import type { Context } from '../context.js'
import { compositionHere, stateDirOf } from '../engine.js'
import { type Scope, unitText } from './unit.js'

export interface PlannedUnit {
  text: string
  stateDir: string
  /** What may keep it from doing its work. */
  warnings: string[]
}

/** The unit for the state folder and the composition that a command would use here. */
export async function planUnit(ctx: Context, scope: Scope): Promise<PlannedUnit> {
  const { io, globals, deps } = ctx
  const { machine } = deps
  const composition = await compositionHere(ctx)
  const stateDir = stateDirOf(ctx, composition)
  const { stateDir: _given, ...parts } = composition
  const file = globals.config === undefined ? findConfig(io.cwd) : resolve(io.cwd, globals.config)
  const owner = await stat(stateDir).then(
    ({ uid }) => uid,
    () => null,
  )
  const text = unitText({
    scope,
    program: machine.program,
    stateDir,
    // A file that describes applications alone is not needed to bring them back.
    configFile: Object.keys(parts).length === 0 ? null : file,
    path: io.env.PATH,
    ...(scope === 'system' ? { user: userOf(owner, machine) } : {}),
  })
  return { text, stateDir, warnings: warningsFor(ctx, stateDir, owner) }
}

/** Whoever owns the state folder runs its releases, also where root installs the unit. */
const userOf = (owner: number | null, { uid, username }: { uid: number | undefined; username: string }): string =>
  owner === null || owner === uid ? username : String(owner)

function warningsFor({ io, deps }: Context, stateDir: string, owner: number | null): string[] {
  const warnings: string[] = []
  if (owner === null)
    warnings.push(`Nothing was deployed to ${stateDir} yet: is it the folder that is meant? --state-dir names another.`)
  if (deps.machine.program.some((path) => path.includes('/_npx/'))) {
    warnings.push(
      'This program runs out of npx’s cache, which may be emptied: npm install --global appaloft, then install the unit again.',
    )
  }
  if (io.env.APPALOFT_SECRET_KEY) {
    warnings.push(
      'APPALOFT_SECRET_KEY is not written into the unit, which others can read: set it in a drop-in with EnvironmentFile=.',
    )
  }
  return warnings
}
