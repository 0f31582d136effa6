import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppaloftError, type ForwardTarget } from '@appaloft/core/spec'
import { controlArguments, forwardSpec } from './arguments.js'
import type { Connection } from './connection.js'
import { diagnosed } from './diagnosis.js'
import type { Settings } from './options.js'
import { startProgram } from './program.js'
import { type Doorway, doorway, keptAhead } from './ready.js'

interface Forward {
  path: string
  /** Where ssh listens, behind a door of ours. */
  behind: string
  spec: string
  ahead: boolean
  door: Doorway | null
  /** It was there once. */
  used: boolean
  /** The connection that was told of it last. */
  told: { connection: Connection; done: Promise<void> } | null
}

/** Milliseconds for the master to answer. */
const controlMs = 10_000

/** Remote ports and sockets as sockets in the host's folder: nobody else on this machine can connect to them, as they could to a port. */
export class Forwards {
  readonly #all = new Set<Forward>()
  #made = 0

  constructor(
    readonly key: string,
    readonly settings: Settings,
  ) {}

  get size(): number {
    return this.#all.size
  }

  /** Each connection that comes is told of it from now on. Errors: `invalid-input`. */
  add(folder: string, remote: ForwardTarget, ahead: boolean): Forward {
    this.#made += 1
    const path = join(folder, `f${this.#made}`)
    const behind = `${path}b`
    const spec = forwardSpec(behind, remote)
    if (spec === null)
      throw new AppaloftError('invalid-input', {
        message: `${JSON.stringify(remote)} cannot be forwarded: a socket needs an absolute path, a port a host and a number.`,
      })
    const forward: Forward = { path, behind, spec, ahead, door: null, used: false, told: null }
    this.#all.add(forward)
    return forward
  }

  /** Idempotent for a connection. */
  open(connection: Connection, forward: Forward): Promise<void> {
    if (forward.told?.connection !== connection)
      forward.told = { connection, done: this.#open(connection, forward, forward.told?.done) }
    return forward.told.done
  }

  /** All of them, on a connection that may come to nothing. */
  prepare(connection: Connection): void {
    for (const forward of this.#all) this.open(connection, forward).catch(() => undefined)
  }

  /** All that were there, at the same addresses, on a connection that took the place of another. */
  async renew(connection: Connection): Promise<void> {
    this.prepare(connection)
    await Promise.all([...this.#all].filter(({ used }) => used).map((forward) => this.open(connection, forward)))
  }

  /** Idempotent. */
  async close(forward: Forward): Promise<void> {
    if (!this.#all.delete(forward)) return
    await forward.told?.done.catch(() => undefined)
    await forward.door?.close()
    const connection = forward.told?.connection
    // With a connection that is over, it is over too.
    if (connection?.lost.aborted === false) await this.#tell(connection, 'cancel', forward).catch(() => undefined)
    for (const path of [forward.path, forward.behind]) await rm(path, { force: true })
  }

  async closeDoors(): Promise<void> {
    await Promise.all([...this.#all].map(({ door }) => door?.close()))
  }

  async #open(connection: Connection, forward: Forward, before: Promise<void> | undefined): Promise<void> {
    await before?.catch(() => undefined)
    await rm(forward.behind, { force: true })
    await this.#tell(connection, 'forward', forward)
    forward.door ??= await doorway(forward.path, forward.behind, forward.ahead ? keptAhead : 0)
    forward.door.fill()
    forward.used = true
  }

  async #tell(connection: Connection, verb: 'forward' | 'cancel', { spec }: Forward): Promise<void> {
    const program = startProgram(this.settings.ssh, controlArguments(connection.socket, verb, spec))
    program.child.stdin.end()
    const limit = new AbortController()
    const late = sleep(controlMs, 'late' as const, { signal: limit.signal, ref: false }).catch(() => 'late' as const)
    const code = await Promise.race([program.ended, late])
    limit.abort()
    if (code === 0) return
    program.kill('SIGKILL')
    if (connection.lost.aborted) throw connection.lost.reason
    throw diagnosed(this.key, code === 'late' ? 'timed out during forwarding' : program.said())
  }
}
