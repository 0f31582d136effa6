import type http from 'node:http'
import type { Plane, Scope } from './decide.js'
import { unavailable } from './fault.js'
import { listen, listenAnywhere } from './ports.js'
import { createDataServer } from './server.js'

const retryMs = 250
export const ownPortHost = '127.0.0.1'

/** A listener at its place, or waiting for someone else to leave it. */
class Bound {
  problem: string | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(
    readonly server: http.Server,
    readonly host: string,
    public port: number,
  ) {}

  /** For a restart: a place that is taken is tried again until it is free. */
  async openOrWait(log: (line: string) => void): Promise<void> {
    try {
      await listen(this.server, this.host, this.port)
      if (this.problem !== null) log(`port ${this.port} is open again`)
      this.problem = null
    } catch (error) {
      const reason = reasonOf(error)
      if (this.problem === null) log(`port ${this.port} cannot be opened: ${reason}; trying again`)
      this.problem = `Port ${this.port} on ${this.host} cannot be opened: ${reason}.`
      this.#timer = setTimeout(() => void this.openOrWait(log), retryMs)
    }
  }

  /** No new connections; those in use end with the answer that they wait for. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.server.keepAliveTimeout = 1
    this.server.close()
    this.server.closeIdleConnections()
  }
}

const reasonOf = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return 'another process listens there'
  if (code === 'EACCES') return 'this user may not listen there'
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'this machine has no such address'
  return code ?? message
}

export interface Place {
  host: string
  /** Null: a free one. */
  port: number | null
}

/** Listeners opened for a change that is not durable yet. */
export interface Prepared {
  shared: { host: string; port: number } | null
  ownPort: number | null
  /** The change is durable: what it replaced is closed. */
  commit(): void
  abort(): void
}

/** The shared listener and the resources' own ports. */
export class Listeners {
  #shared: Bound | null = null
  readonly #own = new Map<string, Bound>()

  constructor(
    readonly plane: Plane,
    readonly log: (line: string) => void,
  ) {}

  /** At the start: everything that the table names. */
  async restore(shared: { host: string; port: number } | null, own: Iterable<[string, number]>): Promise<void> {
    const all: Promise<void>[] = []
    if (shared !== null) {
      this.#shared = new Bound(createDataServer(this.plane, null), shared.host, shared.port)
      all.push(this.#shared.openOrWait(this.log))
    }
    for (const [resourceId, port] of own) {
      const bound = new Bound(createDataServer(this.plane, resourceId), ownPortHost, port)
      this.#own.set(resourceId, bound)
      all.push(bound.openOrWait(this.log))
    }
    await Promise.all(all)
  }

  /** `shared` null: leave it as it is. `own` null: the resource needs no port. */
  async prepare(resourceId: string, shared: Place | null, own: Place | null): Promise<Prepared> {
    const opened: Bound[] = []
    const use = async (present: Bound | null, place: Place, scope: Scope): Promise<Bound> => {
      const same = present !== null && present.host === place.host && (place.port ?? present.port) === present.port
      if (same && present.problem === null) return present
      if (same) throw unavailable(present.problem!)
      const bound = await this.#open(place, scope)
      opened.push(bound)
      return bound
    }
    const abort = () => {
      for (const bound of opened) bound.stop()
    }
    try {
      const nextShared = shared === null ? this.#shared : await use(this.#shared, shared, null)
      const nextOwn = own === null ? null : await use(this.#own.get(resourceId) ?? null, own, resourceId)
      return {
        shared: nextShared === null ? null : { host: nextShared.host, port: nextShared.port },
        ownPort: nextOwn?.port ?? null,
        commit: () => {
          if (this.#shared !== nextShared) this.#shared?.stop()
          this.#shared = nextShared
          this.#replaceOwn(resourceId, nextOwn)
        },
        abort,
      }
    } catch (error) {
      abort()
      throw error
    }
  }

  closeOwn(resourceId: string): void {
    this.#replaceOwn(resourceId, null)
  }

  #replaceOwn(resourceId: string, next: Bound | null): void {
    const before = this.#own.get(resourceId)
    if (before !== next) before?.stop()
    if (next === null) this.#own.delete(resourceId)
    else this.#own.set(resourceId, next)
  }

  async #open(place: Place, scope: Scope): Promise<Bound> {
    const server = createDataServer(this.plane, scope)
    try {
      const { host } = place
      const port = place.port === null ? await listenAnywhere(server, host) : await listen(server, host, place.port)
      return new Bound(server, host, port)
    } catch (error) {
      throw unavailable(`${place.port ?? 'A port'} on ${place.host} cannot be opened: ${reasonOf(error)}.`)
    }
  }

  get shared(): { host: string; port: number; problem: string | null } | null {
    return this.#shared
  }

  own(resourceId: string): { port: number; problem: string | null } | null {
    return this.#own.get(resourceId) ?? null
  }

  problems(): string[] {
    return this.#all().flatMap((bound) => bound.problem ?? [])
  }

  stop(): void {
    for (const bound of this.#all()) bound.stop()
  }

  cut(): void {
    for (const bound of this.#all()) bound.server.closeAllConnections()
  }

  #all(): Bound[] {
    return [...(this.#shared === null ? [] : [this.#shared]), ...this.#own.values()]
  }
}
