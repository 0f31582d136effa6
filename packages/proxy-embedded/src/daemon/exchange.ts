import type http from 'node:http'
import { answer } from './answer.js'
import { type Connection, connectionOf } from './connection.js'
import { addForwarding, type Decision, decide, type Plane, type Scope } from './decide.js'
import { identityHeader, type RequestHead, readTrailers } from './headers.js'
import { ConnectTimeout } from './peer.js'
import type { Open, Upstream } from './upstream.js'
import type { Receiver, UpstreamConnection } from './wire/connection.js'
import type { AnswerHead } from './wire/parser.js'

/** Flushes a head in Latin-1, as it came; Node's own flush would write it as UTF-8. */
const nothing = Buffer.alloc(0)

/** A small body that came whole leaves as one text with its head: one system call, and no copy of parts. */
const inOneWrite = 16 * 1024

/** An upstream's `continue` is waited for this long; then the body is sent anyway, as the standard allows. */
const continueMs = 1_000

/** One request on its way, its retries included. */
export class Exchange implements Open, Receiver {
  readonly #connection: Connection
  readonly #hasBody: boolean
  /** How many of the request's headers came with it; what follows is added for one upstream. */
  readonly #passed: number
  #upstream!: Upstream
  #identity: string | null = null
  #path = ''
  #at = 0
  #tried = 0
  #up: UpstreamConnection | null = null
  #answer: AnswerHead | null = null
  /** The answer has trailers that the client can be sent. */
  #chunks = false
  #flushed = false
  #waitsForDrain = false
  #closed = false
  #pumping = false
  #bodySent = false
  #renewed = false
  #rerouted = false
  #timer: NodeJS.Timeout | null = null

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
    const { req, head, plane } = this
    const peer = this.#upstream.peers[this.#at]!
    this.#tried++
    const up = (fresh ? null : peer.take(isIdempotent(req.method!))) ?? peer.open()
    this.#up = up
    if (plane.headerTimeoutMs > 0) this.#limitHeader(up)
    up.begin(this, req.method!, head.framing === 'chunked')
  }

  #limitHeader(up: UpstreamConnection): void {
    this.#clearTimer()
    this.#timer = setTimeout(() => up.fail(new ConnectTimeout('no answer in time')), this.plane.headerTimeoutMs)
  }

  onConnected(): void {
    const up = this.#up!
    const { headers } = this.head
    let text = `${this.req.method} ${this.#path} HTTP/1.1\r\n`
    for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
    text += '\r\n'
    if (!this.#hasBody) {
      up.sendWhole(text)
      return
    }
    up.sendHead(text)
    if (this.waitsForContinue && !this.#pumping) setTimeout(() => this.#continue(up), continueMs).unref()
    else this.#pump()
  }

  onInformation(status: number): void {
    if (status === 100 && this.waitsForContinue) this.#continue(this.#up)
  }

  #continue(up: UpstreamConnection | null): void {
    if (this.#pumping || this.#closed || this.#answer !== null || this.#up !== up) return
    this.res.writeContinue()
    this.#pump()
  }

  /** Begins only on an open connection: until then another address can still be tried. */
  #pump(): void {
    const { req } = this
    if (!this.#pumping) {
      this.#pumping = true
      req.on('data', (chunk: Buffer) => {
        this.#bodySent = true
        if (this.#up?.sendBody(chunk) === false) req.pause()
      })
      req.on('end', () => {
        this.#bodySent = true
        this.#up?.sendEnd(req.rawTrailers.length === 0 ? [] : readTrailers(req.rawTrailers))
      })
    }
    req.resume()
  }

  onDrain(): void {
    this.req.resume()
  }

  onHead(head: AnswerHead): void {
    this.#clearTimer()
    this.#answer = head
    const { req, res, plane } = this
    if (this.#identity !== null) head.headers.push(identityHeader, this.#identity)
    this.#chunks = head.framing === 'chunked' && req.httpVersionMinor > 0
    if (this.#chunks && head.trailer !== undefined) head.headers.push('Trailer', head.trailer)
    if (plane.closing) res.shouldKeepAlive = false
    try {
      res.writeHead(head.status, head.reason, head.headers)
    } catch {
      this.#drop()
      this.#fail(502, 'The upstream’s answer cannot be passed on.')
    }
  }

  onData(chunk: Buffer): void {
    this.#flushed = true
    const { res } = this
    const { framing, length } = this.#answer!
    if (framing === 'length' && chunk.length === length && length <= inOneWrite) {
      res.end(chunk.toString('latin1'), 'latin1')
    } else if (!res.write(chunk)) this.#holdBack()
  }

  #holdBack(): void {
    this.#up?.pause()
    if (this.#waitsForDrain) return
    this.#waitsForDrain = true
    this.res.on('drain', () => this.#up?.resume())
  }

  onEnd(rawTrailers: string[]): void {
    this.#flushed = true
    this.#up = null
    const { res } = this
    if (res.writableEnded) return
    if (this.#chunks && rawTrailers.length > 0) addTrailers(res, rawTrailers)
    res.end()
  }

  /** Where no byte of the body came together with the head, the head goes alone. */
  onFed(): void {
    if (this.#flushed || this.#answer === null || this.#closed) return
    this.#flushed = true
    this.res.write(nothing)
  }

  onFailed(error: NodeJS.ErrnoException): void {
    const up = this.#up!
    this.#up = null
    this.#clearTimer()
    if (this.#closed) return
    if (this.#answer !== null) this.res.destroy()
    else if (!up.connected) this.#tryNext(error)
    else if (up.reused && !up.heard && !this.#renewed && this.#mayRepeat()) {
      this.#renewed = true
      this.#tried--
      this.#send(true)
    } else this.#giveUp(error)
  }

  /** An idle connection that the upstream closed at this very moment: the request had no effect, or may have it twice. */
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

  #drop(): void {
    const up = this.#up
    this.#up = null
    up?.destroy()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#clearTimer()
    this.#connection.open.delete(this)
    this.#upstream.leave(this)
    this.#drop()
  }

  #clearTimer(): void {
    if (this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
  }
}

function addTrailers(res: http.ServerResponse, raw: readonly string[]): void {
  try {
    // Pairs are allowed, and keep duplicates; the type knows the object only.
    res.addTrailers(readTrailers(raw) as unknown as NodeJS.Dict<string>)
  } catch {
    // A trailer that cannot be written is left out: the body is already on its way.
  }
}

const bodilessMethods = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])
const mayHaveBody = (method: string): boolean => !bodilessMethods.has(method)

const idempotentMethods = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])
const isIdempotent = (method: string): boolean => idempotentMethods.has(method)
