import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Milliseconds for which a connection waits for somebody who uses it. */
const patienceMs = 60_000
/** Connections that are open ahead: who asks for several things asks for all of them at once. */
export const keptAhead = 6
/** Milliseconds for which one waits that was opened for somebody who is about to come. */
const soonMs = 2_000

export interface Doorway {
  /** Opens what is missing of those that are open ahead. */
  fill(): void
  /** Somebody is about to come: one is opened, unless one waits. */
  soon(): void
  /** Those that wait are given up, and others opened. */
  renew(): void
  close(): Promise<void>
}

/**
 * Listens at `path` for what goes to the socket `behind`, and keeps so many connections there open ahead: a channel that is open saves
 * whoever comes a way there and back. Each is used by one alone, the oldest first.
 */
export async function doorway(path: string, behind: string, kept: number): Promise<Doorway> {
  const all = new Set<Socket>()
  const waiting = new Map<Socket, NodeJS.Timeout>()
  let closed = false
  const keep = (socket: Socket): Socket => {
    all.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => all.delete(socket))
    return socket
  }
  const forget = (socket: Socket) => {
    clearTimeout(waiting.get(socket))
    waiting.delete(socket)
  }
  const open = () => keep(connect({ path: behind, allowHalfOpen: true }))
  const fill = () => {
    while (!closed && waiting.size < kept) wait(open())
  }
  const wait = (next: Socket, ms = patienceMs) => {
    const timer = setTimeout(() => next.destroy(), ms)
    timer.unref()
    waiting.set(next, timer)
    next.unref()
    // Nobody has said anything yet: where the other end does, or hangs up, it is of no use.
    const useless = () => next.destroy()
    next.once('readable', useless)
    next.once('close', () => forget(next))
    next.once('taken', () => {
      next.off('readable', useless)
      next.ref()
    })
  }
  const take = (): Socket => {
    for (const next of waiting.keys()) {
      forget(next)
      if (next.destroyed) continue
      next.emit('taken')
      return next
    }
    return open()
  }
  const server = createServer({ allowHalfOpen: true }, (near) => {
    keep(near)
    const far = take()
    near.once('close', () => far.destroy())
    // What it had said before is still on its way.
    far.once('close', () => near.writableEnded || near.destroy())
    near.pipe(far)
    far.pipe(near)
    fill()
  })
  server.listen(path)
  await once(server, 'listening')
  server.unref()
  fill()
  return {
    fill,
    soon() {
      if (!closed && waiting.size === 0) wait(open(), soonMs)
    },
    renew() {
      for (const next of waiting.keys()) {
        forget(next)
        next.destroy()
      }
      fill()
    },
    async close() {
      closed = true
      for (const socket of waiting.keys()) forget(socket)
      server.close()
      for (const socket of all) socket.destroy()
    },
  }
}
