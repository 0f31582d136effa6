import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type http from 'node:http'
import type { AddressInfo } from 'node:net'

/** Resolves with the port once the server listens. */
export function listen(server: http.Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.removeListener('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

const isTaken = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EADDRINUSE'

/**
 * A free port below those that the system gives to outgoing connections: one of theirs could be taken by any connection during
 * the moment in which a daemon restarts, and stay blocked for a minute.
 */
export async function listenAnywhere(server: http.Server, host: string): Promise<number> {
  const { from, to } = range()
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      return await listen(server, host, randomInt(from, to))
    } catch (error) {
      if (!isTaken(error)) throw error
    }
  }
  return listen(server, host, 0)
}

function range(): { from: number; to: number } {
  const usual = { from: 20_000, to: 32_000 }
  try {
    const low = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10)
    if (low >= 32_000) return usual
    return low > 12_000 ? { from: 10_000, to: low } : usual
  } catch {
    return usual
  }
}
