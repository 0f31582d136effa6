import { setTimeout as sleep } from 'node:timers/promises'
import type { CallOptions } from '@appaloft/core/spec'
import { EngineError } from '../api/client.js'
import { type Engine, orNull } from '../api/engine.js'

/** Milliseconds for tidying up behind a call: an engine that stands still is not waited for. What stays is found by its labels. */
const tidyMs = 30_000

/** For what is done also where the call was aborted. */
export const tidying = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(tidyMs) })

/**
 * Stops it gracefully and removes it. Both are sent at once; the engine begins with the second when it has done the first, and refuses it for
 * what runs. False: nothing was there under its name, or no longer.
 */
export async function stopAndRemove(engine: Engine, name: string, { signal }: CallOptions): Promise<boolean> {
  const [stopped, removed] = await engine.inOrder((ordered) =>
    Promise.allSettled([
      orNull(ordered.stop(name, undefined, { signal }).then(() => true)),
      orNull(ordered.removeStopped(name, { signal }).then(() => true)),
    ]),
  )
  if (stopped.status === 'rejected') throw stopped.reason
  if (removed.status === 'fulfilled') return removed.value === true
  if (!(removed.reason instanceof EngineError) || removed.reason.status !== 409) throw removed.reason
  return await removeAtLast(engine, name, { signal })
}

/** Whatever its state; it may be gone, or on its way, which is waited for. False: nothing was there under its name. */
export async function removeAtLast(engine: Engine, name: string, call: CallOptions, looks = 500): Promise<boolean> {
  try {
    return (await orNull(engine.remove(name, call).then(() => true))) === true
  } catch (error) {
    if (!(error instanceof EngineError) || error.status !== 409) throw error
    for (let tries = 0; tries < looks; tries += 1) {
      if ((await engine.container(name, call)) === null) return true
      await sleep(20)
    }
    throw error
  }
}
