import type { CallOptions, LogLine, RunningRef } from '@appaloft/core/spec'
import type { Engine } from '../api/engine.js'
import { readFrames } from '../api/frames.js'
import type { Names } from '../names.js'
import { instancesOf } from './find.js'

/** Lines wait here for a slow reader; then the engine does. */
const mostWaiting = 1_000

/** Lines of a release, oldest first; those of several instances one instance after the other, and while following as they come. */
export async function* logs(
  engine: Engine,
  names: Names,
  ref: RunningRef,
  { signal, tail, follow = false }: CallOptions & { tail?: number; follow?: boolean } = {},
): AsyncIterable<LogLine> {
  if (signal?.aborted) return
  const found = await instancesOf(engine, names, ref, signal)
  if (!follow && tail !== undefined) {
    const kept: LogLine[] = []
    for (const { id } of found)
      for await (const line of linesOf(engine, [id], { follow, tail, signal })) {
        kept.push(line)
        if (kept.length > tail * 2) kept.splice(0, kept.length - tail)
      }
    yield* tail === 0 ? [] : kept.slice(-tail)
    return
  }
  if (follow)
    yield* linesOf(
      engine,
      found.map((one) => one.id),
      { follow, tail, signal },
    )
  else for (const { id } of found) yield* linesOf(engine, [id], { follow, tail, signal })
}

/** The lines of several containers, merged as they come. Ends with the last of them, or when aborted. */
async function* linesOf(
  engine: Engine,
  ids: readonly string[],
  { follow, tail, signal }: { follow: boolean; tail: number | undefined; signal: AbortSignal | undefined },
): AsyncIterable<LogLine> {
  const ending = new AbortController()
  const both = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal])
  const waiting: LogLine[] = []
  let wake = () => {}
  let drained = () => {}
  let open = ids.length
  let failed: { error: unknown } | undefined
  const streams = ids.map(async (id) => {
    try {
      const stream = await engine.logs(id, { follow, tail }, { signal: both })
      const take = (line: LogLine) => {
        waiting.push(line)
        wake()
      }
      const room = () =>
        waiting.length < mostWaiting || both.aborted
          ? undefined
          : new Promise<void>((resolve) => {
              const before = drained
              drained = () => {
                before()
                resolve()
              }
            })
      await readFrames(stream, take, room)
    } catch (error) {
      if (!both.aborted) failed = { error }
    } finally {
      open -= 1
      wake()
    }
  })
  const stop = () => wake()
  signal?.addEventListener('abort', stop)
  try {
    for (;;) {
      yield* waiting.splice(0)
      drained()
      drained = () => {}
      if (signal?.aborted) return
      if (waiting.length > 0) continue
      if (open === 0) break
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    if (failed !== undefined) throw failed.error
  } finally {
    signal?.removeEventListener('abort', stop)
    ending.abort()
    drained()
    await Promise.allSettled(streams)
  }
}
