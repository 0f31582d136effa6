import { setTimeout as delay } from 'node:timers/promises'
import type { AppaloftOptions } from '../src/index.js'
import type { Clock, Liveness, Store, Target } from '../src/spec/index.js'

const never = <T>(): Promise<T> => new Promise(() => {})

/** What an engine that dies leaves: nothing of it answers any more, and others can prove that it is dead. */
export class Mortal {
  dead = false
  /** What each journal boundary so far was of. */
  readonly boundaries: string[] = []
  readonly #pid: number
  static readonly #dead = new Set<number>()
  static #next = 1

  /** @param diesAt before, or right after, its so many-th boundary; null: never */
  constructor(private readonly diesAt: { when: 'before' | 'after'; boundary: number } | null) {
    this.#pid = Mortal.#next++
  }

  /** The parts with which an engine dies as a process does. */
  parts(store: Store, targets: readonly Target[]): Pick<AppaloftOptions, 'store' | 'targets' | 'clock' | 'liveness'> {
    return {
      store: this.#watched(store),
      targets: targets.map((target) => ({
        ...this.#mortal(target),
        proxy: target.proxy && this.#mortal(target.proxy),
      })),
      clock: this.#clock(),
      liveness: this.#liveness(),
    }
  }

  die(): void {
    this.dead = true
    Mortal.#dead.add(this.#pid)
  }

  #watched(store: Store): Store {
    const boundary =
      <A extends unknown[], R>(write: (...given: A) => Promise<R>, about: (...given: A) => string | null) =>
      async (...given: A): Promise<R> => {
        const words = about(...given)
        if (this.dead) return never()
        if (words === null) return write(...given)
        this.boundaries.push(words)
        const now = this.diesAt?.boundary === this.boundaries.length
        if (now && this.diesAt?.when === 'before') this.die()
        if (this.dead) return never()
        const result = await write(...given)
        if (now) this.die()
        return this.dead ? never() : result
      }
    const mortal = this.#mortal(store)
    return {
      ...mortal,
      createDeployment: boundary(store.createDeployment, ({ record }) => `create on ${record.target}`),
      acquireLease: boundary(store.acquireLease, ({ key }) => `lease ${key}`),
      releaseLease: boundary(store.releaseLease, ({ key }) => `release ${key}`),
      commit: boundary(store.commit, ({ durable, events = [], set }) =>
        durable === false
          ? null
          : [set?.status, set?.promotion, set?.journal?.step, set?.journal?.state, ...events.map((one) => one.type)]
              .filter((one) => one !== undefined)
              .join(' '),
      ),
    }
  }

  #mortal<T extends object>(part: T): T {
    const entries = Object.entries(part).map(([name, value]) => {
      if (typeof value !== 'function' || name === 'describe' || name === 'subscribe' || name === 'logs')
        return [name, value]
      return [
        name,
        async (...given: unknown[]) => {
          if (this.dead) return never()
          const result: unknown = await value(...given)
          return this.dead ? never() : result
        },
      ]
    })
    return Object.fromEntries(entries)
  }

  #clock(): Clock {
    return {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      sleep: async (ms, { signal, unref = false } = {}) => {
        if (this.dead) return never()
        await delay(ms, undefined, { ref: !unref, ...(signal ? { signal } : {}) }).catch((error) => {
          signal?.throwIfAborted()
          throw error
        })
        if (this.dead) return never()
      },
    }
  }

  #liveness(): Liveness {
    return {
      self: { bootId: 'boot', pidNamespace: 'pid', pid: this.#pid, startTime: '1' },
      judge: ({ pid }) => (Mortal.#dead.has(pid) ? 'dead' : 'alive'),
    }
  }
}
