import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { identityHeader, type UpstreamSet } from '@appaloft/core/spec'

/** What an upstream saw of a request. */
export interface Seen {
  upstream: string
  method: string
  url: string
  rawHeaders: string[]
  body: string
}

export type Handler = (req: http.IncomingMessage, res: http.ServerResponse) => void

/** A real server on a free port of 127.0.0.1, which answers with what it saw unless it is given a handler. */
export interface TestUpstream {
  name: string
  port: number
  server: http.Server
  seen: Seen[]
  /** The set of one address that a deployment of this id would have. */
  set(deploymentId: string): UpstreamSet
  close(): Promise<void>
}

export async function startUpstream(name: string, handler?: Handler): Promise<TestUpstream> {
  const seen: Seen[] = []
  const tunnels = new Set<Duplex>()
  const server = http.createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
    res.on('error', () => {})
    if (handler !== undefined) handler(req, res)
    else void describe(name, req).then((one) => reply(res, one, seen))
  })
  server.on('upgrade', (req, socket) => {
    tunnels.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => tunnels.delete(socket))
    seen.push({ upstream: name, method: req.method!, url: req.url!, rawHeaders: req.rawHeaders, body: '' })
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Upstream: ${name}\r\n${identityHeader}: dep_forged\r\n\r\n`,
    )
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    name,
    port,
    server,
    seen,
    set: (deploymentId) => ({
      deploymentId,
      releaseId: deploymentId.replace('dep_', 'rel_'),
      addresses: [{ kind: 'tcp', host: '127.0.0.1', port }],
    }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
        for (const socket of tunnels) socket.destroy()
      }),
  }
}

export async function readText(req: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk)
  } catch {
    // Cut off: what came is what there is.
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function describe(upstream: string, req: http.IncomingMessage): Promise<Seen> {
  const { method, url, rawHeaders } = req
  return { upstream, method: method!, url: url!, rawHeaders, body: await readText(req) }
}

function reply(res: http.ServerResponse, one: Seen, seen: Seen[]): void {
  seen.push(one)
  const body = JSON.stringify(one)
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

/** The values of a header among raw ones. */
export const headerValues = (rawHeaders: readonly string[], name: string): string[] =>
  rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === name)
