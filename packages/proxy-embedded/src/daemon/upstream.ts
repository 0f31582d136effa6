import http from 'node:http'
import net from 'node:net'
import type { Address, UpstreamSet } from '@appaloft/core/spec'

/** Something open between a client and an upstream: a request or an upgraded connection. */
export interface Open {
  /** Ends it now, on both sides. */
  destroy(): void
}

/** What is in flight for one deployment of one resource, whichever upstream set of it. */
export class Tally {
  readonly open = new Set<Open>()
  constructor(readonly deploymentId: string) {}
}

/** Idle connections are closed before a Node upstream (5 s) closes them: reusing one that is about to end loses a request. */
const idleMs = 4_000

export interface UpstreamLimits {
  connectTimeoutMs: number
}

export class ConnectTimeout extends Error {
  readonly code = 'ETIMEDOUT'
}

/** One address of an upstream set, with its kept-alive connections. */
export class Peer {
  readonly agent: http.Agent
  readonly #target: net.NetConnectOpts
  readonly #connectTimeoutMs: number

  constructor(
    readonly address: Address,
    limits: UpstreamLimits,
  ) {
    this.#connectTimeoutMs = limits.connectTimeoutMs
    this.#target =
      address.kind === 'unix'
        ? { path: address.path }
        : { host: address.host, port: address.port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }
    // One agent an address: so the pool needs no name, and a socket no option but the address.
    this.agent = Object.assign(new http.Agent({ keepAlive: true, timeout: idleMs }), {
      createConnection: () => this.connect(),
      getName: () => '',
      keepSocketAlive: (socket: net.Socket) => keepIdle(socket),
    })
  }

  connect(): net.Socket {
    const socket = net.connect(this.#target)
    const timer = setTimeout(() => socket.destroy(new ConnectTimeout('connect timed out')), this.#connectTimeoutMs)
    const clear = () => clearTimeout(timer)
    socket.once('connect', clear)
    socket.once('close', clear)
    return socket
  }

  /** For the Host header of clients that sent none. */
  get name(): string {
    const { address } = this
    if (address.kind === 'unix') return 'localhost'
    return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
  }
}

const announced = new WeakMap<net.Socket, number>()

/** Remembers what the upstream announced in `Keep-Alive`, where that is shorter than our own limit. */
export function announceIdle(socket: net.Socket, seconds: number): void {
  const ms = (seconds - 1) * 1000
  if (ms < idleMs) announced.set(socket, ms)
}

function keepIdle(socket: net.Socket): boolean {
  const ms = announced.get(socket) ?? idleMs
  if (ms <= 0) return false
  if (socket.timeout !== ms) socket.setTimeout(ms)
  return true
}

/** An upstream set at work. Lives from the swap that brings it until nothing uses it any more. */
export class Upstream {
  readonly peers: readonly Peer[]
  #next = 0
  #open = 0
  #retired = false

  constructor(
    readonly set: UpstreamSet,
    readonly tally: Tally,
    limits: UpstreamLimits,
  ) {
    this.peers = set.addresses.map((address) => new Peer(address, limits))
  }

  get deploymentId(): string {
    return this.set.deploymentId
  }

  get retired(): boolean {
    return this.#retired
  }

  /** Round robin: where the next request begins to look. */
  turn(): number {
    const at = this.#next
    this.#next = at + 1 === this.peers.length ? 0 : at + 1
    return at
  }

  enter(exchange: Open): void {
    this.#open++
    this.tally.open.add(exchange)
  }

  leave(exchange: Open): void {
    if (!this.tally.open.delete(exchange)) return
    this.#open--
    if (this.#retired && this.#open === 0) this.#destroyIdle()
  }

  /** No table names it any more: what is in use stays, idle connections go once nothing is. */
  retire(): void {
    this.#retired = true
    if (this.#open === 0) this.#destroyIdle()
  }

  revive(): void {
    this.#retired = false
  }

  #destroyIdle(): void {
    // An answer that ended returns its socket to the pool only after this event: look again then.
    setImmediate(() => {
      if (this.#open > 0 || !this.#retired) return
      for (const peer of this.peers) peer.agent.destroy()
    })
  }
}
