import type { UpstreamSet } from '@appaloft/core/spec'
import { Peer } from './peer.js'

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

export interface UpstreamLimits {
  connectTimeoutMs: number
}

/** An upstream set at work, from the swap that brings it to the one that replaces it, and for what is in flight then. */
export class Upstream {
  readonly peers: readonly Peer[]
  #next = 0
  #retired = false

  constructor(
    readonly set: UpstreamSet,
    readonly tally: Tally,
    limits: UpstreamLimits,
  ) {
    this.peers = set.addresses.map((address) => new Peer(address, limits.connectTimeoutMs))
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
    this.tally.open.add(exchange)
  }

  leave(exchange: Open): void {
    this.tally.open.delete(exchange)
  }

  /** No table names it any more: what is in use stays until its end. */
  retire(): void {
    this.#retired = true
    for (const peer of this.peers) peer.retire()
  }
}
