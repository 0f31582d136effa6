import { type CallOptions, type FenceOptions, unlessAborted } from '@appaloft/core/spec'
import type { Engine } from './api/engine.js'
import type { Looks } from './looks.js'
import { raiseMark, takeAll } from './marks.js'
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

/** Raises the mark, and asks behind its claim what the holder needs next. */
export async function takeOver(
  engine: Engine,
  { names, takings, looks }: { names: Names; takings: Takings; looks: Looks },
  resourceId: string,
  token: number,
  options: FenceOptions,
): Promise<void> {
  const behind = looks.asking(resourceId)
  const ask = (ordered: Engine) => behind.ask(engine, ordered)
  const { taken } = await raiseMark(engine, names, resourceId, token, options, ask)
  behind.raised(token)
  takings.add(resourceId, token, taken)
}
