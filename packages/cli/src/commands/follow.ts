import type { LogEntry } from '@appaloft/core/spec'
import type { Context } from '../context.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { clean } from '../output/text.js'

/** Reads a stream until it ends, or until nobody reads any more. A slow reader slows the source down. */
export async function pour<T>(
  ctx: Context,
  open: (signal: AbortSignal) => AsyncIterable<T>,
  show: (item: T) => void,
): Promise<void> {
  const gone = new AbortController()
  const off = ctx.io.stdout.onDead(() => gone.abort())
  try {
    for await (const item of open(gone.signal)) {
      show(item)
      await ctx.io.stdout.drained()
      if (ctx.io.stdout.dead) break
    }
  } finally {
    off()
  }
}

/** Log lines: the text alone for people, with its source where build and release are mixed. */
export async function pourLogs(
  ctx: Context,
  open: (signal: AbortSignal) => AsyncIterable<LogEntry>,
): Promise<ExitCode> {
  const { style } = ctx
  await pour(ctx, open, (entry) => {
    ctx.json({ kind: 'log', ...entry })
    ctx.result(`${style.dim(`${entry.source === 'build' ? 'build  ' : 'runtime'} │`)} ${clean(entry.text)}`)
  })
  return exitCodes.success
}
