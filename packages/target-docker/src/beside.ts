import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds for which the end waits: an engine that stands still answers nobody. */
const endMs = 5_000

/** Work that nobody waits for before the end. Where it fails, nothing is lost. */
export class Beside {
  readonly #going = new Set<Promise<unknown>>()

  add(work: Promise<unknown>): void {
    const over: Promise<unknown> = work.catch(() => undefined).finally(() => this.#going.delete(over))
    this.#going.add(over)
  }

  /** Where it takes longer than this, it is left to itself. */
  async over(ms = endMs): Promise<void> {
    const late = new AbortController()
    const waited = sleep(ms, undefined, { signal: late.signal }).catch(() => undefined)
    await Promise.race([Promise.all(this.#going), waited])
    late.abort()
  }
}
