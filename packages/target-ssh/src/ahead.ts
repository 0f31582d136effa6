import type { Connection } from './connection.js'
import type { Settings } from './options.js'
import { openSession, type WaitingSession } from './session.js'
import type { Slots } from './slots.js'

export interface Waiting extends WaitingSession {
  connection: Connection
  /** Gives its place among the sessions back. */
  free(): void
}

/** Milliseconds for which a session waits for a command: a shell may have been told to end when nothing comes for long. */
const patienceMs = 60_000
/** Sessions that wait: who looks and then changes needs the second one before another could be open. */
const kept = 2

/**
 * Sessions that wait for their commands. Their channels are open and their login files are read when a command comes, which then takes one
 * way there and back. Each counts as a session; they are the first to be used, the oldest before the others.
 */
export class Ahead {
  readonly #waiting = new Map<Waiting, NodeJS.Timeout>()
  /** The last connection on which one was refused, and how many the server may still let through; none: only while nothing runs. */
  #refusing: { connection: Connection; kept: number } | undefined
  #closed = false

  constructor(
    readonly settings: Settings,
    readonly slots: Slots,
  ) {}

  /** One of this connection. */
  take(connection: Connection): Waiting | null {
    for (const waiting of this.#waiting.keys()) {
      if (waiting.connection.lost.aborted) this.#drop(waiting)
      else if (waiting.connection === connection) {
        this.#forget(waiting)
        return waiting
      }
    }
    return null
  }

  /** Opens as many as there is room for. */
  fill(connection: Connection): void {
    if (this.#closed || connection.lost.aborted) return
    while (this.#waiting.size < this.#most(connection)) {
      const free = this.slots.tryTake()
      if (free === null) return
      this.#open(connection, free)
    }
  }

  /** One of this connection was refused or has ended: fewer are opened on it. */
  refused(connection: Connection): void {
    this.#refusing = { connection, kept: this.#keptOn(connection) - 1 }
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true
    for (const waiting of this.#waiting.keys()) this.#drop(waiting)
  }

  #keptOn(connection: Connection): number {
    return this.#refusing?.connection === connection ? Math.max(0, this.#refusing.kept) : kept
  }

  #most(connection: Connection): number {
    const most = this.#keptOn(connection)
    if (most === 0) return this.slots.used === 0 ? 1 : 0
    return this.slots.most <= kept ? 1 : most
  }

  #open(connection: Connection, free: () => void): void {
    const session = openSession(this.settings, connection)
    const { client } = session
    const waiting = { ...session, connection, free }
    const timer = setTimeout(() => this.#drop(waiting), patienceMs)
    timer.unref()
    this.#waiting.set(waiting, timer)
    // Also when the connection is lost.
    void client.ended.then(() => {
      if (!this.#waiting.has(waiting)) return
      this.refused(connection)
      this.#drop(waiting)
    })
  }

  #drop(waiting: Waiting): void {
    this.#forget(waiting)
    waiting.client.kill()
    void waiting.client.ended.then(waiting.free)
  }

  #forget(waiting: Waiting): void {
    clearTimeout(this.#waiting.get(waiting))
    this.#waiting.delete(waiting)
  }
}
