import type { Socket } from 'node:net'
import type { Open } from './upstream.js'

/** What is known of one client's connection for as long as it lasts. */
export interface Connection {
  readonly address: string
  /**
   * Who connects over loopback runs on this machine: another proxy or a tunnel in front of this one, whose word about the client is
   * passed on. Everybody else's forwarding headers are replaced.
   */
  readonly trusted: boolean
  /** Requests in flight on it, pipelined ones included, which get no event of their own when the client goes away. */
  readonly open: Set<Open>
}

const known = new WeakMap<Socket, Connection>()

export function connectionOf(socket: Socket): Connection {
  const before = known.get(socket)
  if (before !== undefined) return before
  const address = plainAddress(socket.remoteAddress ?? '')
  const connection: Connection = { address, trusted: isLoopback(address), open: new Set() }
  known.set(socket, connection)
  socket.once('close', () => {
    for (const one of connection.open) one.destroy()
  })
  return connection
}

const plainAddress = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address)

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'
