import http from 'node:http'
import type { RequestOptions } from 'node:https'
import { answer } from './answer.js'
import { type Connection, connectionOf } from './connection.js'
import { addForwarding, type Decision, decide, type Plane, type Scope } from './decide.js'
import { identityHeader, type RequestHead, readResponse, readTrailers } from './headers.js'
import { announceIdle, ConnectTimeout, type Open, type Upstream } from './upstream.js'

export const maxHeaderSize = 64 * 1024

/** Node sends what was set as a header in Latin-1 only together with bytes of a body; an empty body flushes them unharmed. */
const nothing = Buffer.alloc(0)

/** A small body that came whole leaves as one text with its head: one system call, and no copy of parts. */
const inOneWrite = 16 * 1024

/** A server's `continue` is waited for this long; then the body is sent anyway, as the standard allows. */
const continueMs = 1_000

/** One request on its way, its retries included. */
export class Exchange implements Open {
  readonly #connection: Connection
  readonly #hasBody: boolean
  /** The request's headers as they came, without what is added for one upstream. */
  readonly #passed: number
  #upstream!: Upstream
  #identity: string | null = null
  #path = ''
  #at = 0
  #tried = 0
  #up: http.ClientRequest | null = null
  #answered = false
  #closed = false
  #pumping = false
  #bodySent = false
  #renewed = false
  #rerouted = false
  #timer: NodeJS.Timeout | null = null
  flushed = false

  constructor(
    readonly plane: Plane,
    readonly scope: Scope,
    readonly req: http.IncomingMessage,
    readonly res: http.ServerResponse,
    readonly head: RequestHead,
    readonly waitsForContinue: boolean,
  ) {
    this.#connection = connectionOf(req.socket)
    this.#hasBody = head.framing === 'chunked' || head.framing === 'length'
    this.#passed = head.headers.length
  }

  begin(decision: Extract<Decision, { kind: 'forward' }>): void {
    this.#choose(decision)
    this.#connection.open.add(this)
    this.res.once('close', () => this.#close())
    this.#send(false)
  }

  destroy(): void {
    this.res.destroy()
    this.#close()
  }

  #choose(decision: Extract<Decision, { kind: 'forward' }>): void {
    const { head, req } = this
    this.#upstream = decision.upstream
    this.#upstream.enter(this)
    this.#identity = decision.identity
    this.#path = decision.path
    this.#tried = 0
    this.#at = decision.upstream.turn()
    head.headers.length = this.#passed
    addForwarding(head, this.#connection, decision.match, decision.upstream.deploymentId)
    if (head.host === undefined) head.headers.push('Host', decision.upstream.peers[0]!.name)
    if (head.framing === 'chunked') {
      head.headers.push('Transfer-Encoding', 'chunked')
      if (head.trailer !== undefined) head.headers.push('Trailer', head.trailer)
    } else if (head.framing === 'none' && mayHaveBody(req.method!)) head.headers.push('Content-Length', '0')
  }

  #send(fresh: boolean): void {
    const { req, head } = this
    const peer = this.#upstream.peers[this.#at]!
    this.#tried++
    let up: http.ClientRequest
    try {
      up = http.request({
        method: req.method!,
        path: this.#path,
        headers: head.headers,
        servername: '',
        maxHeaderSize,
        ...(fresh ? { createConnection: () => peer.connect() } : { agent: peer.agent }),
      } as RequestOptions)
    } catch {
      this.#fail(400, 'The request cannot be passed on.')
      return
    }
    this.#up = up
    up.on('response', (answer) => this.#respond(up, answer))
    up.on('error', (error) => this.#failed(up, error))
    if (this.plane.headerTimeoutMs > 0) this.#limitHeader(up)
    if (!this.#hasBody) up.end()
    else if (this.waitsForContinue && !this.#pumping) this.#awaitContinue(up)
    else up.once('socket', (socket) => (socket.connecting ? socket.once('connect', this.#pump) : this.#pump()))
  }

  #limitHeader(up: http.ClientRequest): void {
    this.#clearTimer()
    this.#timer = setTimeout(() => up.destroy(new ConnectTimeout('no answer in time')), this.plane.headerTimeoutMs)
  }

  #awaitContinue(up: http.ClientRequest): void {
    const go = () => {
      if (this.#pumping || this.#closed || this.#answered || this.#up !== up) return
      this.res.writeContinue()
      this.#pump()
    }
    up.once('continue', go)
    setTimeout(go, continueMs).unref()
  }

  /** Begins only on an open connection: until then another address can still be tried. */
  readonly #pump = (): void => {
    if (this.#closed) return
    if (!this.#pumping) this.#listenToBody()
    this.#resume()
  }

  #listenToBody(): void {
    this.#pumping = true
    const { req } = this
    req.on('data', (chunk: Buffer) => {
      this.#bodySent = true
      if (this.#up!.write(chunk) === false) req.pause()
    })
    req.on('end', () => {
      this.#bodySent = true
      const up = this.#up!
      if (req.rawTrailers.length > 0 && this.head.framing === 'chunked') addTrailers(up, req.rawTrailers)
      up.end()
    })
  }

  #resume(): void {
    const up = this.#up!
    up.on('drain', () => this.req.resume())
    this.req.resume()
    // A body that comes late must not hold the head back.
    setImmediate(() => {
      if (!this.#bodySent && !this.#closed && !up.writableEnded && !up.destroyed) up.write(nothing)
    })
  }

  #respond(up: http.ClientRequest, answer: http.IncomingMessage): void {
    this.#clearTimer()
    if (this.#closed) {
      answer.destroy()
      return
    }
    this.#answered = true
    const { req, res } = this
    const head = readResponse(answer.rawHeaders)
    const status = answer.statusCode!
    if (head.keepAliveSeconds !== undefined) announceIdle(answer.socket, head.keepAliveSeconds)
    if (this.#identity !== null) head.headers.push(identityHeader, this.#identity)
    const bodiless = req.method === 'HEAD' || status === 204 || status === 304
    const chunks = head.chunked && !bodiless && req.httpVersionMinor > 0
    if (chunks && head.trailer !== undefined) head.headers.push('Trailer', head.trailer)
    if (this.plane.closing) res.shouldKeepAlive = false
    try {
      res.writeHead(status, answer.statusMessage!, head.headers)
    } catch {
      up.destroy()
      this.#fail(502, 'The upstream’s answer cannot be passed on.')
      return
    }
    answer.on('error', () => res.destroy())
    answer.on('data', (chunk: Buffer) => {
      this.flushed = true
      if (chunk.length === head.length && chunk.length <= inOneWrite) {
        res.end(chunk.toString('latin1'), 'latin1')
        return
      }
      if (res.write(chunk) === false) answer.pause()
    })
    res.on('drain', () => answer.resume())
    answer.on('end', () => {
      this.flushed = true
      if (res.writableEnded) return
      if (chunks && answer.rawTrailers.length > 0) addTrailers(res, answer.rawTrailers)
      if (answer.complete) res.end()
      else res.destroy()
    })
    if (!bodiless) process.nextTick(flushHead, this)
  }

  #failed(up: http.ClientRequest, error: NodeJS.ErrnoException): void {
    if (this.#closed || this.#up !== up) return
    this.#clearTimer()
    // From its answer on, the answer's own events tell: an upload that it made pointless may fail without harm.
    if (this.#answered) return
    if (neverConnected(error)) this.#tryNext(error)
    else if (up.reusedSocket && !this.#renewed && this.#mayRepeat()) {
      this.#renewed = true
      this.#tried--
      this.#send(true)
    } else this.#giveUp(error)
  }

  /** An idle connection that the upstream closed at this very moment: the request had no effect, or may be had twice. */
  #mayRepeat(): boolean {
    return !this.#bodySent && (this.#hasBody || isIdempotent(this.req.method!))
  }

  #tryNext(error: NodeJS.ErrnoException): void {
    const { peers } = this.#upstream
    if (!this.#bodySent && this.#tried < peers.length) {
      this.#at = (this.#at + 1) % peers.length
      this.#send(false)
    } else if (!this.#bodySent && this.#chooseSuccessor()) this.#send(false)
    else this.#giveUp(error)
  }

  /** The upstream set was replaced while it was tried: its successor has the request now. Once. */
  #chooseSuccessor(): boolean {
    if (this.#rerouted || !this.#upstream.retired) return false
    this.#rerouted = true
    const decision = decide(this.plane, this.scope, this.head, this.req.url!)
    if (decision.kind !== 'forward' || decision.upstream === this.#upstream) return false
    this.#upstream.leave(this)
    this.#choose(decision)
    return true
  }

  #giveUp(error: NodeJS.ErrnoException): void {
    const late = error instanceof ConnectTimeout
    this.plane.log(`${this.#upstream.deploymentId} did not answer: ${error.code ?? 'error'}`)
    this.#fail(late ? 504 : 502, late ? 'The upstream did not answer in time.' : 'The upstream did not answer.')
  }

  #fail(status: number, text: string): void {
    if (this.res.headersSent) this.res.destroy()
    else answer(this.res, { kind: 'answer', status, text, identity: this.#identity })
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#clearTimer()
    this.#connection.open.delete(this)
    this.#upstream.leave(this)
    const up = this.#up
    // A request whose answer came to its end is left to its agent, which keeps the connection.
    if (up !== null && !(this.res.writableFinished && up.writableEnded)) up.destroy()
  }

  #clearTimer(): void {
    if (this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
  }
}

/** Runs after the bytes that came together with the head: where there were none, the head goes alone. */
function flushHead(exchange: Exchange): void {
  const { res } = exchange
  if (!exchange.flushed && !res.destroyed) res.write(nothing)
}

function addTrailers(message: http.OutgoingMessage, raw: readonly string[]): void {
  try {
    // Pairs are allowed, and keep duplicates; the type knows the object only.
    message.addTrailers(readTrailers(raw) as unknown as NodeJS.Dict<string>)
  } catch {
    // A trailer that cannot be written is left out: the body is already on its way.
  }
}

const bodilessMethods = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])
const mayHaveBody = (method: string): boolean => !bodilessMethods.has(method)

const idempotentMethods = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])
const isIdempotent = (method: string): boolean => idempotentMethods.has(method)

function neverConnected(error: NodeJS.ErrnoException): boolean {
  if (error instanceof ConnectTimeout) return error.message === 'connect timed out'
  return error.syscall === 'connect' || error.syscall === 'getaddrinfo' || error instanceof AggregateError
}
