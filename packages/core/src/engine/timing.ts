import type { Clock } from '../spec/clock.js'

/** A signal that aborts after a time on the engine's clock, with a reason made then. `clear` when the work is done. */
export function deadline(clock: Clock, ms: number, reason: () => unknown): { signal: AbortSignal; clear(): void } {
  const expired = new AbortController()
  const cleared = new AbortController()
  clock.sleep(ms, { signal: cleared.signal, unref: true }).then(
    () => expired.abort(reason()),
    () => undefined,
  )
  return { signal: expired.signal, clear: () => cleared.abort() }
}

/** Work that takes no longer than this; what it still does afterwards is its own affair. */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const limit = deadline(clock, ms, () => Object.assign(new Error('timeout'), { code: 'TIMEOUT' }))
  const either = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal])
  try {
    return await Promise.race([work(either), aborted(either)])
  } finally {
    limit.clear()
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  const promise = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  promise.catch(() => undefined)
  return promise
}
