import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppaloftError, type ForwardTarget } from '@appaloft/core/spec'
import { controlArguments, forwardSpec } from './arguments.js'
import type { Connection } from './connection.js'
import { diagnosed } from './diagnosis.js'
import type { Settings } from './options.js'
import { startProgram } from './program.js'
import { type Doorway, doorway } from './ready.js'

interface Forward {
  path: string
  /** Where ssh listens: at `path` itself, or behind a door of ours. */
  behind: string
  spec: string
  door: Doorway | null
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

  async open(connection: Connection, folder: string, remote: ForwardTarget, ahead: boolean): Promise<Forward> {
    this.#made += 1
    const path = join(folder, `f${this.#made}`)
    const behind = ahead ? `${path}b` : path
    const spec = forwardSpec(behind, remote)
    if (spec === null)
      throw new AppaloftError('invalid-input', {
        message: `${JSON.stringify(remote)} cannot be forwarded: a socket needs an absolute path, a port a host and a number.`,
      })
    const forward: Forward = { path, behind, spec, door: null }
    await this.#tell(connection, 'forward', forward)
    if (ahead) forward.door = await doorway(path, behind)
    this.#all.add(forward)
    return forward
  }

  /** All of them on a connection that took the place of another, at the same addresses. */
  async renew(connection: Connection): Promise<void> {
    for (const forward of this.#all) {
      await rm(forward.behind, { force: true })
      await this.#tell(connection, 'forward', forward)
    }
  }

  /** Idempotent. */
  async close(connection: Connection | null, forward: Forward): Promise<void> {
    if (!this.#all.delete(forward)) return
    await forward.door?.close()
    if (connection !== null) await this.#tell(connection, 'cancel', forward).catch(() => undefined)
    for (const path of [forward.path, forward.behind]) await rm(path, { force: true })
  }

  async closeDoors(): Promise<void> {
    await Promise.all([...this.#all].map(({ door }) => door?.close()))
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
