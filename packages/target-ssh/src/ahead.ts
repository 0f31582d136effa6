import { sessionArguments } from './arguments.js'
import type { Connection } from './connection.js'
import type { Settings } from './options.js'
import { type Program, startProgram } from './program.js'
import { loginCommand } from './remote/bootstrap.js'
import type { Slots } from './slots.js'

export interface Waiting {
  connection: Connection
  client: Program
  /** Gives its place among the sessions back. */
  free(): void
}

/** Milliseconds for which a session waits for a command: a shell may have been told to end when nothing comes for long. */
const patienceMs = 60_000

/**
 * One session that waits for its command. Its channel is open and its login files are read when the command comes, which then takes one way
 * there and back. It counts as a session, and is the first to be used.
 */
export class Ahead {
  #waiting: Waiting | undefined
  #timer: NodeJS.Timeout | undefined
  /** On this connection the server let none through beside others. */
  #refused: Connection | undefined
  #closed = false

  constructor(
    readonly settings: Settings,
    readonly slots: Slots,
  ) {}

  take(): Waiting | null {
    const waiting = this.#waiting
    if (waiting?.connection.lost.aborted === true) this.#drop()
    this.#forget()
    return waiting?.connection.lost.aborted === false ? waiting : null
  }

  /** Opens the next, where there is room for it. */
  fill(connection: Connection): void {
    if (this.#closed || this.#waiting !== undefined || connection.lost.aborted) return
    if (this.#refused === connection && this.slots.used > 0) return
    const free = this.slots.tryTake()
    if (free === null) return
    const client = startProgram(this.settings.ssh, sessionArguments(connection.socket, loginCommand))
    const waiting = { connection, client, free }
    this.#waiting = waiting
    this.#timer = setTimeout(() => this.#drop(), patienceMs)
    this.#timer.unref()
    // Also when the connection is lost.
    void client.ended.then(() => {
      if (this.#waiting !== waiting) return
      this.#refused = connection
      this.#drop()
    })
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true
    this.#drop()
  }

  #drop(): void {
    const waiting = this.#waiting
    this.#forget()
    if (waiting === undefined) return
    waiting.client.kill()
    void waiting.client.ended.then(waiting.free)
  }

  #forget(): void {
    clearTimeout(this.#timer)
    this.#waiting = undefined
  }
}
