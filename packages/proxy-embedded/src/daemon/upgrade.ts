import http from 'node:http'
import type { Socket } from 'node:net'
import { answer } from './answer.js'
import { connectionOf } from './connection.js'
import { addForwarding, type Decision, decide, type Plane, type Scope } from './decide.js'
import { identityHeader, readRequest, readResponse } from './headers.js'
import { maxHeaderSize } from './limits.js'
import type { Open } from './upstream.js'

const ignore = () => {}

export function upgrade(
  server: http.Server,
  plane: Plane,
  scope: Scope,
  req: http.IncomingMessage,
  socket: Socket,
  first: Buffer,
): void {
  socket.on('error', ignore)
  const head = readRequest(req.rawHeaders)
  // HTTP/2 without TLS is offered by clients as a matter of course, with any request; a body could not be told from the new protocol.
  if (/^\s*h2c\s*$/i.test(head.upgrade ?? '') || head.framing !== 'none') {
    replayWithoutUpgrade(server, req, socket, first)
    return
  }
  const decision = decide(plane, scope, head, req.url!)
  if (decision.kind === 'answer') answer(responseOn(req, socket), decision)
  else new Tunnel(plane, req, socket, first).begin(decision, head)
}

/** Node has taken its parser off the socket: an answer that is no upgrade ends the connection. */
function responseOn(req: http.IncomingMessage, socket: Socket): http.ServerResponse {
  const res = new http.ServerResponse(req)
  res.shouldKeepAlive = false
  res.on('error', ignore)
  res.on('finish', () => socket.destroySoon())
  if (socket.destroyed) res.destroy()
  else res.assignSocket(socket)
  return res
}

/** Gives the request back to Node's parser as one that asks for no upgrade, which a server may always read it as. */
function replayWithoutUpgrade(server: http.Server, req: http.IncomingMessage, socket: Socket, first: Buffer): void {
  const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`]
  const { rawHeaders } = req
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (name === 'upgrade' || name === 'http2-settings') continue
    const value = name === 'connection' ? withoutUpgrade(rawHeaders[i + 1]!) : rawHeaders[i + 1]!
    if (value !== '' || name !== 'connection') lines.push(`${rawHeaders[i]}: ${value}`)
  }
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  socket.removeListener('error', ignore)
  socket.unshift(first.length === 0 ? head : Buffer.concat([head, first]))
  server.emit('connection', socket)
}

const withoutUpgrade = (value: string): string =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && !/^(?:upgrade|http2-settings)$/i.test(part))
    .join(', ')

/** An upgraded connection, from its request to the end of both sides. */
class Tunnel implements Open {
  #up: http.ClientRequest | null = null
  #far: Socket | null = null
  #at = 0
  #tried = 0
  #answered = false
  #leave: () => void = ignore

  constructor(
    readonly plane: Plane,
    readonly req: http.IncomingMessage,
    readonly socket: Socket,
    readonly first: Buffer,
  ) {}

  begin(decision: Extract<Decision, { kind: 'forward' }>, head: ReturnType<typeof readRequest>): void {
    const { socket } = this
    const { upstream } = decision
    const connection = connectionOf(socket)
    addForwarding(head, connection, decision.match, upstream.deploymentId)
    if (head.host === undefined) head.headers.push('Host', upstream.peers[0]!.name)
    head.headers.push('Connection', 'Upgrade', 'Upgrade', head.upgrade ?? '')
    socket.setTimeout(0)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    upstream.enter(this)
    this.#leave = () => upstream.leave(this)
    socket.once('close', () => this.#closed())
    this.#at = upstream.turn()
    if (socket.destroyed) this.#closed()
    else this.#connect(decision, head.headers)
  }

  destroy(): void {
    this.socket.destroy()
    this.#far?.destroy()
    this.#up?.destroy()
  }

  #connect(decision: Extract<Decision, { kind: 'forward' }>, headers: string[]): void {
    const { peers } = decision.upstream
    const peer = peers[this.#at]!
    this.#tried++
    let up: http.ClientRequest
    try {
      up = http.request({
        method: this.req.method!,
        path: decision.path,
        headers,
        maxHeaderSize,
        createConnection: () => peer.connect(),
      })
    } catch {
      this.#refuse(400, 'The request cannot be passed on.', decision.identity)
      return
    }
    this.#up = up
    up.on('upgrade', (message, far: Socket, early: Buffer) => this.#open(message, far, early, decision.identity))
    up.on('response', (message) => this.#respond(message, decision.identity))
    up.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#answered || this.socket.destroyed) return
      if (error.syscall === 'connect' && this.#tried < peers.length) {
        this.#at = (this.#at + 1) % peers.length
        this.#connect(decision, headers)
        return
      }
      this.plane.log(`${decision.upstream.deploymentId} did not answer an upgrade: ${error.code ?? 'error'}`)
      this.#refuse(502, 'The upstream did not answer.', decision.identity)
    })
    up.end()
  }

  #refuse(status: number, text: string, identity: string | null): void {
    this.#answered = true
    answer(responseOn(this.req, this.socket), { kind: 'answer', status, text, identity })
  }

  /** The upstream switched protocols: from here on, bytes. */
  #open(message: http.IncomingMessage, far: Socket, early: Buffer, identity: string | null): void {
    this.#answered = true
    this.#far = far
    const near = this.socket
    far.on('error', ignore)
    if (near.destroyed) {
      far.destroy()
      return
    }
    const { headers } = readResponse(message.rawHeaders)
    headers.push('Connection', 'Upgrade')
    const protocol = message.headers.upgrade
    if (protocol !== undefined) headers.push('Upgrade', protocol)
    if (identity !== null) headers.push(identityHeader, identity)
    let text = `HTTP/1.1 101 ${message.statusMessage}\r\n`
    for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
    near.write(`${text}\r\n`, 'latin1')
    if (early.length > 0) near.write(early)
    if (this.first.length > 0) far.write(this.first)
    far.setTimeout(0)
    // Each side hears of the other's end after all its bytes, and of its death at once.
    far.once('close', (hadError) => (hadError ? near.destroy() : near.destroySoon()))
    near.once('close', (hadError) => (hadError ? far.destroy() : far.destroySoon()))
    near.pipe(far)
    far.pipe(near)
  }

  /** No upgrade after all: an ordinary answer, after which the connection ends. */
  #respond(message: http.IncomingMessage, identity: string | null): void {
    this.#answered = true
    const res = responseOn(this.req, this.socket)
    const head = readResponse(message.rawHeaders)
    if (identity !== null) head.headers.push(identityHeader, identity)
    try {
      res.writeHead(message.statusCode!, message.statusMessage!, head.headers)
    } catch {
      message.destroy()
      res.destroy()
      return
    }
    message.on('error', () => res.destroy())
    message.pipe(res)
  }

  #closed(): void {
    this.#leave()
    if (this.#far === null) this.#up?.destroy()
  }
}
