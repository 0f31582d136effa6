import type net from 'node:net'
import { type AnswerHead, AnswerParser, type AnswerSink } from './parser.js'

/** Who has the connection: one request. */
export interface Receiver extends AnswerSink {
  /** Now bytes of the request can be on their way. Told at once where the connection is open already. */
  onConnected(): void
  /** What came together has been told. */
  onFed(): void
  onDrain(): void
  /** The connection ended before the answer did. Told once; nothing follows. */
  onFailed(error: NodeJS.ErrnoException): void
}

export interface Pool {
  /** The connection is free and in step. */
  give(connection: UpstreamConnection): void
  /** The connection is gone. */
  forget(connection: UpstreamConnection): void
}

class Ended extends Error {
  readonly code = 'ECONNRESET'
}

/** One connection to an upstream, for one request after the other. Its listeners are attached once, not for each request. */
export class UpstreamConnection implements AnswerSink {
  /** It has carried a request before. */
  reused = false
  /** It was open once. */
  connected = false
  /** Something of the present answer came. */
  heard = false
  /** When it became idle, on the monotonic clock. */
  idleSince = 0
  /** For how long the upstream said that it would keep it. */
  idleLimitMs = Number.POSITIVE_INFINITY
  readonly #parser = new AnswerParser(this)
  #receiver: Receiver | null = null
  #sent = false
  #keep = false
  #chunked = false
  #gone = false

  constructor(
    readonly socket: net.Socket,
    readonly pool: Pool,
  ) {
    socket.on('connect', () => {
      this.connected = true
      this.#receiver?.onConnected()
    })
    socket.on('data', (chunk: Buffer) => this.#feed(chunk))
    socket.on('drain', () => this.#receiver?.onDrain())
    socket.on('end', () => this.#ended())
    socket.on('error', (error) => this.fail(error))
    socket.on('close', () => this.fail(new Ended('the upstream closed the connection')))
  }

  /** Begins a request. `chunked`: its body has no length. */
  begin(receiver: Receiver, method: string, chunked: boolean): void {
    this.#receiver = receiver
    this.heard = false
    this.#sent = false
    this.#keep = false
    this.#chunked = chunked
    this.#parser.expect(method === 'HEAD')
    if (this.connected) receiver.onConnected()
  }

  /** The head of a request that has no body. */
  sendWhole(head: string): void {
    this.#sent = true
    this.socket.write(head, 'latin1')
  }

  /** The head of a request whose body follows: it leaves together with what of the body is there already. */
  sendHead(head: string): void {
    this.socket.cork()
    this.socket.write(head, 'latin1')
    process.nextTick(uncork, this.socket)
  }

  /** False: wait for `onDrain`. */
  sendBody(chunk: Buffer): boolean {
    if (!this.#chunked) return this.socket.write(chunk)
    this.socket.cork()
    this.socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    this.socket.write(chunk)
    const more = this.socket.write('\r\n', 'latin1')
    process.nextTick(uncork, this.socket)
    return more
  }

  sendEnd(trailers: readonly [string, string][]): void {
    this.#sent = true
    if (!this.#chunked) return
    this.socket.write(`0\r\n${trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`, 'latin1')
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Ends it at once; the receiver is told nothing more. */
  destroy(): void {
    this.#receiver = null
    this.#parser.stop()
    this.socket.destroy()
    this.#forget()
  }

  /** Ends it with an error for the receiver. */
  fail(error: NodeJS.ErrnoException): void {
    const receiver = this.#receiver
    this.destroy()
    receiver?.onFailed(error)
  }

  onInformation(status: number): void {
    this.#receiver?.onInformation(status)
  }

  onHead(head: AnswerHead): void {
    this.#keep = head.keepAlive && head.framing !== 'close'
    this.idleLimitMs =
      head.keepAliveSeconds === undefined ? Number.POSITIVE_INFINITY : (head.keepAliveSeconds - 1) * 1000
    this.#receiver?.onHead(head)
  }

  onData(chunk: Buffer): void {
    this.#receiver?.onData(chunk)
  }

  onEnd(rawTrailers: string[]): void {
    const receiver = this.#receiver
    this.#receiver = null
    receiver?.onEnd(rawTrailers)
    // An answer that came before the whole request leaves the connection in the middle of a message.
    if (!this.#keep || !this.#sent || !this.#parser.done || this.#gone) {
      this.destroy()
      return
    }
    this.reused = true
    if (this.socket.isPaused()) this.socket.resume()
    this.pool.give(this)
  }

  #feed(chunk: Buffer): void {
    const receiver = this.#receiver
    // Nobody asked.
    if (receiver === null) {
      this.destroy()
      return
    }
    this.heard = true
    try {
      this.#parser.feed(chunk)
      receiver.onFed()
    } catch (error) {
      this.fail(error as Error)
    }
  }

  #ended(): void {
    if (this.#receiver !== null && this.#parser.finish()) return
    this.fail(new Ended('the upstream ended the connection'))
  }

  #forget(): void {
    if (this.#gone) return
    this.#gone = true
    this.pool.forget(this)
  }
}

const uncork = (socket: net.Socket): void => socket.uncork()
