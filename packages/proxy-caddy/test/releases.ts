import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { UpstreamSet } from '@appaloft/core/spec'

export const dep = (number: number): string => `dep_01j${String(number).padStart(23, '0')}`

/** A release as a user's application is one: on a port of its own, new each time. */
export interface TestRelease {
  set: UpstreamSet
  /** Since when its requests are nobody's loss. */
  stopped: boolean
  stop(): Promise<void>
}

/** Answers with its deployment: at once, slowly (`/slow`), with what it was sent (`/upload`), for ever (`/events`), or upgraded. */
export async function startRelease(number: number, slowMs = 120): Promise<TestRelease> {
  const id = dep(number)
  const open = new Set<Duplex>()
  const server = http.createServer((req, res) => {
    res.on('error', () => {})
    if (req.url === '/events') {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => res.write(`data: ${id}\n\n`), 40)
      res.write(`data: ${id}\n\n`)
      res.on('close', () => clearInterval(timer))
      return
    }
    let length = 0
    req.on('data', (chunk: Buffer) => {
      length += chunk.length
    })
    req.on('end', () => {
      const end = () => res.end(JSON.stringify({ id, length }))
      if (req.url === '/slow') setTimeout(end, slowMs)
      else end()
    })
  })
  server.on('upgrade', (_req, socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => open.delete(socket))
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const release: TestRelease = {
    set: {
      deploymentId: id,
      releaseId: id.replace('dep_', 'rel_'),
      addresses: [{ kind: 'tcp', host: '127.0.0.1', port }],
    },
    stopped: false,
    async stop() {
      release.stopped = true
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
  return release
}
