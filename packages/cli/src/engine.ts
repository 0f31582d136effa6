import { resolve } from 'node:path'
import type { CompositionConfig } from './config/define.js'
import { findConfig } from './config/find.js'
import type { Composed, Context } from './context.js'
import { CliError, codeOf } from './errors.js'
import { exitCodes } from './exit-codes.js'

/** The state folder: `--state-dir`, the configuration's, or the default one. */
export function stateDirOf(ctx: Context, composition: CompositionConfig): string {
  const { cwd } = ctx.io
  if (ctx.globals.stateDir !== undefined) return resolve(cwd, ctx.globals.stateDir)
  return composition.stateDir ?? ctx.deps.defaultStateDir()
}

/** Works with the engine, and closes it whatever happens. */
export async function withEngine<T>(
  ctx: Context,
  composition: CompositionConfig,
  work: (parts: Composed) => Promise<T>,
): Promise<T> {
  const stateDir = stateDirOf(ctx, composition)
  const parts = await ctx.deps.compose({ stateDir, composition })
  try {
    return await work(parts)
  } catch (error) {
    throw (await stateFolderFault(error, stateDir)) ?? error
  } finally {
    await parts.engine.close()
  }
}

const refusals = new Set<unknown>(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'store-unavailable'])

/** Where this user may not use the state folder, parts fail one way or another: what they say of it is said in words of the folder. */
async function stateFolderFault(error: unknown, stateDir: string): Promise<CliError | null> {
  if (!refusals.has(codeOf(error) ?? (error as NodeJS.ErrnoException).code)) return null
  const { checkStateFolder } = await import('./doctor/state.js')
  const fault = (await checkStateFolder(stateDir)).find(
    ({ id, status }) => id === 'state-folder' && status === 'failed',
  )
  if (fault === undefined) return null
  return new CliError('store-unavailable', `The state folder cannot be used: ${fault.message}`, {
    category: 'runtime-backend',
    exitCode: exitCodes.failure,
    ...(fault.fix === undefined ? {} : { hint: `${fault.fix} Or name another folder with --state-dir.` }),
  })
}

/** The composition that a command without PATH works with: the one named by `--config`, or that of the present folder. */
export async function compositionHere(ctx: Context): Promise<CompositionConfig> {
  const file = ctx.globals.config !== undefined ? resolve(ctx.io.cwd, ctx.globals.config) : findConfig(ctx.io.cwd)
  if (file === null) return {}
  const { loadConfig } = await import('./config/load.js')
  return (await loadConfig(file, { env: ctx.io.env, compositionOnly: true })).composition
}

/** `withEngine` and the composition of the present folder. */
export const withEngineHere = async <T>(ctx: Context, work: (parts: Composed) => Promise<T>): Promise<T> =>
  withEngine(ctx, await compositionHere(ctx), work)
