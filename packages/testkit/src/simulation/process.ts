import type { CallOptions, Store } from '@appaloft/core/spec'
import type { Port } from './decisions.js'
import type { Ledger } from './ledger.js'
import type { Owner, Task } from './scheduler.js'
import type { Simulation } from './simulation.js'

const never = <T>(): Promise<T> => new Promise(() => {})

function thrownBy(act: () => void): unknown {
  try {
    act()
    return undefined
  } catch (error) {
    return error
  }
}

export interface CallRequest<T> {
  port: Port
  method: string
  /** What it is about, for the trace. */
  about?: string
  /** What it does where it takes effect: in one go, whatever becomes of the caller. */
  effect(): T | Promise<T>
  /** Milliseconds that it takes by itself. */
  takes?: number
  /** The half of it that a `half` fault leaves behind. */
  half?: (() => void) | undefined
  /** What it answers where it cannot tell. */
  vague?: T | undefined
  /** What a fault of this port looks like. */
  failure(): Error
}

/** What is asked of the machine, and not of the engine's own. */
const isThere: ReadonlySet<Port> = new Set<Port>(['target', 'proxy', 'prober'])

/** The process of one engine. Every call it makes to the outside parks here, and goes on when the schedule says so, or never. */
export class SimulatedProcess implements Owner {
  state: Owner['state'] = 'running'
  pausedUntil = 0
  readonly pid: number
  /** Its store, and the book of it. */
  readonly store: Store
  readonly ledger: Ledger
  /** When it was last hindered in a way that excuses a late heartbeat. */
  disturbedAt = Number.NEGATIVE_INFINITY
  #calls = 0
  readonly #onDeath = new Set<() => void>()

  constructor(
    readonly simulation: Simulation,
    readonly slot: number,
    readonly incarnation: number,
  ) {
    this.pid = 1000 + slot * 100 + incarnation
    const store = slot % simulation.stores.length
    this.store = simulation.stores[store]!
    this.ledger = simulation.ledgers[store]!
  }

  get name(): string {
    return `e${this.slot}.${this.incarnation}`
  }

  get alive(): boolean {
    return this.state !== 'dead'
  }

  onDeath(listener: () => void): () => void {
    if (!this.alive) this.simulation.scheduler.after(0, listener)
    this.#onDeath.add(listener)
    return () => this.#onDeath.delete(listener)
  }

  /** At once: nothing of it runs any more. What it had sent goes on. */
  die(restartMs: number): void {
    if (!this.alive) return
    this.state = 'dead'
    this.disturbedAt = this.simulation.now
    this.simulation.say(() => `${this.name} dies`)
    const listeners = [...this.#onDeath]
    this.#onDeath.clear()
    this.simulation.scheduler.after(0, () => {
      for (const listener of listeners) listener()
    })
    this.simulation.died(this, restartMs)
  }

  /** It was closed, and is gone. */
  exit(): void {
    if (!this.alive) return
    this.simulation.say(() => `${this.name} ends`)
    this.state = 'dead'
    const listeners = [...this.#onDeath]
    this.#onDeath.clear()
    for (const listener of listeners) listener()
  }

  pause(ms: number): void {
    if (!this.alive) return
    this.state = 'paused'
    this.pausedUntil = Math.max(this.pausedUntil, this.simulation.now + ms)
    this.disturbedAt = this.pausedUntil
    this.simulation.say(() => `${this.name} stops for ${ms} ms`)
    this.simulation.scheduler.after(ms, () => {
      if (this.state === 'paused' && this.pausedUntil <= this.simulation.now) this.state = 'running'
    })
  }

  call<T>(request: CallRequest<T>, { signal }: CallOptions = {}): Promise<T> {
    if (!this.alive) return never()
    if (signal?.aborted) return Promise.reject(signal.reason)
    const { simulation } = this
    const { port, method, about } = request
    const number = this.#calls++
    const deviation = simulation.decisions.of(this.name, number, port, method, simulation.now)
    const { before: delay = 0, after: late = 0, fault, ms = 0 } = deviation ?? {}
    const way = (isThere.has(port) ? (simulation.setup.far ?? 0) : 0) / 2
    const before = way + delay + (request.takes ?? 0)
    const after = way + late
    const told = (what: string) =>
      simulation.say(() => `${this.name}#${number} ${port}.${method}${about === undefined ? '' : ` ${about}`}${what}`)
    if (fault !== undefined) simulation.cover(`fault:${fault}`)
    if (delay + late >= 300) simulation.cover('fault:stall')
    // Work that takes its time as it should hinders no heartbeat.
    if (delay + late >= 5000 || (fault !== undefined && port === 'store'))
      this.disturbedAt = Math.max(this.disturbedAt, simulation.now + delay + late)
    if (fault === 'crash') {
      told(': crash')
      this.die(ms)
      return never()
    }
    if (fault === 'pause') this.pause(ms)
    return new Promise<T>((resolve, reject) => {
      let task: Task | undefined
      let settled = false
      let sent = false
      const settle = (deliver: () => void) => {
        const arrive = () => {
          if (settled || !this.alive) return
          settled = true
          signal?.removeEventListener('abort', onAbort)
          deliver()
        }
        if (after > 0 || this.state === 'paused') simulation.scheduler.after(after, arrive, this)
        else arrive()
      }
      const onAbort = () => {
        if (settled || fault === 'deaf') return
        settled = true
        if (!sent && task !== undefined) {
          task.canceled = true
          simulation.flying--
        }
        told(': aborted')
        reject(signal?.reason)
      }
      const land = () => {
        sent = true
        simulation.flying--
        if (fault === 'lost') {
          told(': fails')
          return settle(() => reject(request.failure()))
        }
        if (fault === 'vague' && request.vague !== undefined) {
          told(': cannot tell')
          return settle(() => resolve(request.vague as T))
        }
        if (fault === 'half' && request.half !== undefined) {
          told(': fails half-way')
          const error = thrownBy(request.half) ?? request.failure()
          return settle(() => reject(error))
        }
        told(fault === 'unheard' ? ': works and fails' : this.alive ? '' : ' (its engine is dead)')
        try {
          const result = request.effect()
          if (!(result instanceof Promise)) return landed(result)
          result.then(landed, (error) => settle(() => reject(error)))
        } catch (error) {
          settle(() => reject(error))
        }
      }
      const landed = (result: T) => {
        if (fault === 'crash-heard') this.die(ms)
        settle(() => (fault === 'unheard' ? reject(request.failure()) : resolve(result)))
      }
      task = simulation.scheduler.after(before, land)
      simulation.flying++
      signal?.addEventListener('abort', onAbort, { once: true })
      if (fault === 'crash-sent') this.die(ms)
    })
  }

  /** A wait of the engine: on virtual time. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.alive) return never()
    if (signal?.aborted) return Promise.reject(signal.reason)
    const { simulation } = this
    const deviation = simulation.decisions.of(this.name, this.#calls++, 'clock', 'sleep', simulation.now)
    if (deviation?.fault !== undefined) simulation.cover(`fault:${deviation.fault}`)
    if (deviation?.fault === 'crash') {
      this.die(deviation.ms ?? -1)
      return never()
    }
    if (deviation?.fault === 'pause') this.pause(deviation.ms ?? 0)
    return new Promise((resolve, reject) => {
      const task = simulation.scheduler.after(
        Math.max(0, ms),
        () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
        this,
      )
      const onAbort = () => {
        task.canceled = true
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
