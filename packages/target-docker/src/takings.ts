import type { CallOptions } from '@appaloft/core/spec'
import type { Engine } from './api/engine.js'
import { takeAll } from './marks.js'
import type { Names } from './names.js'

/**
 * A holder takes over the containers of its resource while it goes on with what concerns none of them. Whatever acts on them, or looks at
 * them, waits for that here.
 */
export class Takings {
  readonly #under = new Map<string, { token: number; taken: Promise<void> }>()

  constructor(readonly names: Names) {}

  add(resourceId: string, token: number, taken: Promise<void>): void {
    const one = { token, taken }
    this.#under.set(resourceId, one)
    taken.then(
      () => this.#forget(resourceId, one),
      // Waited for by the next one that needs it.
      () => undefined,
    )
  }

  /** Where it failed, it is tried again, and its error is that of the call that needs it. */
  async over(engine: Engine, resourceId: string, { signal }: CallOptions): Promise<void> {
    const one = this.#under.get(resourceId)
    if (one === undefined) return
    const done = await unlessAborted(
      one.taken.then(
        () => true,
        () => false,
      ),
      signal,
    )
    if (done) return
    await takeAll(engine, this.names, resourceId, one.token, signal)
    this.#forget(resourceId, one)
  }

  #forget(resourceId: string, one: object): void {
    if (this.#under.get(resourceId) === one) this.#under.delete(resourceId)
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason)
    if (signal?.aborted === true) return abort()
    signal?.addEventListener('abort', abort, { once: true })
    void work.then(resolve, reject).finally(() => signal?.removeEventListener('abort', abort))
  })
}
