import type { Clock } from '../src/spec/index.js'

interface Sleeper {
  due: number
  wake(): void
}

/** Time that stands still until a test moves it. */
export class VirtualClock implements Clock {
  #ms = 0
  readonly #sleepers = new Set<Sleeper>()

  now(): number {
    return Date.UTC(2024, 0, 1) + this.#ms
  }

  monotonic(): number {
    return this.#ms
  }

  /** How many wait. */
  get sleeping(): number {
    return this.#sleepers.size
  }

  sleep(ms: number, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#sleepers.delete(sleeper)
        signal?.removeEventListener('abort', abort)
      }
      const abort = () => {
        leave()
        reject(signal?.reason)
      }
      const sleeper = {
        due: this.#ms + ms,
        wake: () => {
          leave()
          resolve()
        },
      }
      if (signal?.aborted) return reject(signal.reason)
      signal?.addEventListener('abort', abort)
      this.#sleepers.add(sleeper)
    })
  }

  /** Wakes in their order all whose time comes, each before the next: what they do then may make them sleep again. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms
    await settled()
    for (;;) {
      const [next] = [...this.#sleepers].filter((one) => one.due <= end).sort((a, b) => a.due - b.due)
      if (next === undefined) break
      this.#ms = Math.max(this.#ms, next.due)
      next.wake()
      await settled()
    }
    this.#ms = end
  }
}

/** Everything that needs no time has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
