import net from 'node:net'
import type { Address } from '@appaloft/core/spec'
import { type Pool, UpstreamConnection } from './wire/connection.js'

/** Idle connections are closed before a Node upstream (5 s) closes them: reusing one that is about to end loses a request. */
const idleMs = 4_000
/** Requests that must not be made twice use only connections that were in use a moment ago. */
const freshMs = 1_000
const maxIdle = 256
const sweepMs = 1_000

export class ConnectTimeout extends Error {
  readonly code = 'ETIMEDOUT'
}

/** One address of an upstream set, with its idle connections. */
export class Peer implements Pool {
  readonly #target: net.NetConnectOpts
  readonly #idle: UpstreamConnection[] = []
  #closed = false
  #sweeping = false

  constructor(
    readonly address: Address,
    readonly connectTimeoutMs: number,
  ) {
    this.#target =
      address.kind === 'unix'
        ? { path: address.path }
        : { host: address.host, port: address.port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }
  }

  /** A new socket, with its limit on connecting. */
  connect(): net.Socket {
    const socket = net.connect(this.#target)
    const timer = setTimeout(() => socket.destroy(new ConnectTimeout('connect timed out')), this.connectTimeoutMs)
    const clear = () => clearTimeout(timer)
    socket.once('connect', clear)
    socket.once('close', clear)
    return socket
  }

  open(): UpstreamConnection {
    return new UpstreamConnection(this.connect(), this)
  }

  /** The connection that was used last, where there is one that is likely to be open still. */
  take(repeatable: boolean): UpstreamConnection | null {
    const now = performance.now()
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined) return null
      const limit = Math.min(repeatable ? idleMs : freshMs, connection.idleLimitMs)
      if (now - connection.idleSince < limit) return connection
      connection.destroy()
    }
  }

  give(connection: UpstreamConnection): void {
    if (this.#closed || this.#idle.length >= maxIdle || connection.idleLimitMs <= 0) {
      connection.destroy()
      return
    }
    connection.idleSince = performance.now()
    this.#idle.push(connection)
    if (!this.#sweeping) this.#sweepLater()
  }

  forget(connection: UpstreamConnection): void {
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  /** Nothing new will come: idle connections end, those in use after their answer. */
  retire(): void {
    this.#closed = true
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }

  #sweepLater(): void {
    this.#sweeping = true
    setTimeout(() => this.#sweep(), sweepMs).unref()
  }

  #sweep(): void {
    const now = performance.now()
    for (const connection of [...this.#idle]) {
      if (now - connection.idleSince >= Math.min(idleMs, connection.idleLimitMs)) connection.destroy()
    }
    this.#sweeping = false
    if (this.#idle.length > 0) this.#sweepLater()
  }

  /** For the Host header of clients that sent none. */
  get name(): string {
    const { address } = this
    if (address.kind === 'unix') return 'localhost'
    return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
  }
}
