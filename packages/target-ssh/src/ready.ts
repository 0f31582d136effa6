import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Milliseconds for which a connection waits for somebody who uses it. */
const patienceMs = 60_000

export interface Doorway {
  close(): Promise<void>
}

/**
 * Listens at `path` for what goes to the socket `behind`, and keeps one connection there open ahead: a channel that is open saves whoever
 * comes a way there and back. Each is used by one alone.
 */
export async function doorway(path: string, behind: string): Promise<Doorway> {
  const all = new Set<Socket>()
  let waiting: Socket | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const keep = (socket: Socket): Socket => {
    all.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => all.delete(socket))
    return socket
  }
  const forget = () => {
    clearTimeout(timer)
    waiting = undefined
  }
  const open = () => keep(connect({ path: behind, allowHalfOpen: true }))
  const fill = () => {
    if (closed || waiting !== undefined) return
    const next = open()
    waiting = next
    timer = setTimeout(() => next.destroy(), patienceMs)
    timer.unref()
    next.unref()
    // Nobody has said anything yet: where the other end does, or hangs up, it is of no use.
    const useless = () => next.destroy()
    next.once('readable', useless)
    next.once('close', () => waiting === next && forget())
    next.once('taken', () => {
      next.off('readable', useless)
      next.ref()
    })
  }
  const take = (): Socket => {
    const next = waiting
    forget()
    if (next === undefined || next.destroyed) return open()
    next.emit('taken')
    return next
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
    async close() {
      closed = true
      forget()
      server.close()
      for (const socket of all) socket.destroy()
    },
  }
}
