import type { Address } from './proxy.js'

export interface ProbeRequest {
  /** With its query; begins with `/`. */
  path: string
  /** Default GET. */
  method?: string
  headers?: Readonly<Record<string, string>>
  /** Milliseconds for the whole exchange. */
  timeoutMs: number
  signal?: AbortSignal
}

export interface ProbeAnswer {
  status: number
  headers: Readonly<Record<string, string | string[] | undefined>>
  /** The first 64 KiB. */
  body: string
}

/**
 * How the engine asks the addresses that targets and proxies name, in its health, route and access checks. The default uses sockets of
 * this machine; a host application gives its own to reach them another way, and a simulation to reach what it simulates.
 *
 * A refused or broken connection rejects with Node's own code (`ECONNREFUSED`, `ECONNRESET`, …), an expiry with the code `TIMEOUT`, an
 * abort with the signal's reason. Each request uses a connection of its own: a kept-alive one may belong to a former release.
 */
export interface Prober {
  request(address: Address, request: ProbeRequest): Promise<ProbeAnswer>
  /** Resolves when the address accepts a connection, which is closed again. */
  dial(address: Address, options: { timeoutMs: number; signal?: AbortSignal }): Promise<void>
  /** The address of a public hostname, by the system's resolver. */
  lookup(hostname: string): Promise<string>
}
