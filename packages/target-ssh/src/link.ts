import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppaloftError, unlessAborted } from '@appaloft/core/spec'
import { type Connection, connect } from './connection.js'
import { closedError } from './diagnosis.js'
import { type SocketFolder, socketFolder } from './folder.js'
import type { Settings } from './options.js'

const firstPauseMs = 100
const longestPauseMs = 5_000
/** Milliseconds for which a host that was there before is tried again before a call fails. */
const reconnectMs = 20_000
/** A busy sshd closes some connections before their login, and lets others in a moment later. */
const firstTries = 3

/** The one connection of a host: made when it is first needed, and anew when it was lost. */
export class Link {
  readonly #closing = new AbortController()
  #folder: Promise<SocketFolder> | undefined
  #current: Connection | undefined
  #connecting: Promise<Connection> | undefined
  /** How many connections there have been, and how often none came about. */
  made = 0
  failed = 0
  failure: unknown
  #pauseMs = 0
  #notBefore = 0

  /**
   * `renewed`: called with each new connection before anybody has it. `listening`: before that, when it is logged in but its guard not there
   * yet, which may then come to nothing, or not be told.
   */
  constructor(
    readonly key: string,
    readonly settings: Settings,
    readonly on: { listening(connection: Connection): void; renewed(connection: Connection): Promise<void> },
  ) {}

  get closed(): AbortSignal {
    return this.#closing.signal
  }

  async folder(): Promise<string> {
    this.#folder ??= socketFolder()
    return (await this.#folder).path
  }

  /** An abort ends the wait, not the connecting: others may wait for it too. */
  async get(signal?: AbortSignal): Promise<Connection> {
    signal?.throwIfAborted()
    this.closed.throwIfAborted()
    if (this.#current !== undefined && !this.#current.lost.aborted) return this.#current
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    return await unlessAborted(this.#connecting, signal)
  }

  async #connect(): Promise<Connection> {
    const until = performance.now() + reconnectMs
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#attempt()
      } catch (error) {
        this.closed.throwIfAborted()
        // A first connection that fails is told at once: a setting may be wrong. One that was there comes back, or not.
        const cut = AppaloftError.isInstance(error) && error.details.reason === 'closed' && tries < firstTries
        const again = cut || (this.made > 0 && AppaloftError.isInstance(error) && error.retriable)
        if (again && performance.now() + this.#pauseMs <= until) continue
        this.failed += 1
        this.failure = error
        throw error
      }
    }
  }

  async #attempt(): Promise<Connection> {
    const wait = this.#notBefore - performance.now()
    if (wait > 0) await sleep(wait, undefined, { signal: this.closed }).catch(() => this.closed.throwIfAborted())
    const { key, settings, closed: signal } = this
    try {
      const folder = await this.folder()
      const socket = join(folder, `c${this.made}`)
      const pinned = await this.#pinned(folder)
      const { listening } = this.on
      const connection = await connect({ key, settings, socket, pinned, signal, listening })
      this.made += 1
      this.#pauseMs = 0
      connection.lost.addEventListener('abort', () => void rm(socket, { force: true }), { once: true })
      try {
        await this.on.renewed(connection)
      } catch (error) {
        // Nobody was given it, nor would close it.
        await connection.close()
        throw error
      }
      this.#current = connection
      return connection
    } catch (error) {
      this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, firstPauseMs), longestPauseMs)
      this.#notBefore = performance.now() + this.#pauseMs
      throw error
    }
  }

  /** Keys that are pinned count whatever the host's name. */
  async #pinned(folder: string): Promise<string | null> {
    const { knownHosts } = this.settings
    if (typeof knownHosts !== 'object' || !('keys' in knownHosts)) return null
    const file = join(folder, 'known_hosts')
    const lines = knownHosts.keys.map((key) =>
      key.startsWith('@cert-authority ') ? key.replace('@cert-authority ', '@cert-authority * ') : `* ${key}`,
    )
    await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 })
    return file
  }

  /** Nobody is given a connection from now on, and what runs on it ends. */
  refuse(): void {
    this.#closing.abort(closedError(this.key))
  }

  async close(): Promise<void> {
    this.refuse()
    await this.#connecting?.catch(() => undefined)
    await this.#current?.close()
    const folder = await this.#folder?.catch(() => undefined)
    await folder?.close()
  }
}
