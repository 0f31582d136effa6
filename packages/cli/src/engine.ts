import { resolve } from 'node:path'
import type { CompositionConfig } from './config/define.js'
import { findConfig } from './config/find.js'
import type { Composed, Context } from './context.js'

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
  const parts = await ctx.deps.compose({ stateDir: stateDirOf(ctx, composition), composition })
  try {
    return await work(parts)
  } finally {
    await parts.engine.close()
  }
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
