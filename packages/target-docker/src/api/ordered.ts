import { channel } from 'node:diagnostics_channel'
import { connect, isIP, type Socket } from 'node:net'
import { nextTick } from 'node:process'
import { Readable } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { HTTPParser } from 'http-parser-js'
import type { EngineAddress } from './address.js'
import { type Answer, type CallSettings, Calls, EngineUnreachable, failure, requestOf } from './calls.js'

/** Milliseconds for which a connection is kept: one that has waited for long may have been closed on the way, and nothing is repeated here. */
const keptMs = 10_000
/** Tells those who measure of each call that was answered, with its milliseconds. */
const answered = channel('appaloft:docker:ordered-call')

/**
 * Calls over one connection that are sent without waiting for the answers between them. The engine does one after the other, in the order
 * in which they were called, so that one may depend on what the one before has done, though not on its answer. One that is refused stops none
 * behind it. A connection that is cut fails all that were not answered, whether they were done or not, and repeats none. An answer comes
 * whole, and holds up those behind it: nothing that is followed, nothing that is long.
 */
export class OrderedConnections {
  readonly #all = new Set<OrderedConnection>()
  readonly #idle = new Map<OrderedConnection, NodeJS.Timeout>()

  constructor(readonly address: EngineAddress) {}

  /** @param act has the connection for itself until it has ended */
  async use<T>(act: (calls: Calls) => Promise<T>): Promise<T> {
    const connection = this.#take()
    try {
      return await act(connection)
    } finally {
      this.#keep(connection)
    }
  }

  close(): void {
    for (const one of this.#all) one.destroy()
  }

  #take(): OrderedConnection {
    for (const [kept, timer] of this.#idle) {
      clearTimeout(timer)
      this.#idle.delete(kept)
      if (kept.usable) return kept.ref(true)
    }
    const made = new OrderedConnection(socketTo(this.address), () => {
      clearTimeout(this.#idle.get(made))
      this.#idle.delete(made)
      this.#all.delete(made)
    })
    this.#all.add(made)
    return made
  }

  /** Not one whose answers are still to come: who comes next would wait for them. */
  #keep(connection: OrderedConnection): void {
    connection.whenAnswered(() => {
      if (!connection.usable) return connection.destroy()
      this.#idle.set(connection.ref(false), setTimeout(() => connection.destroy(), keptMs).unref())
    })
  }
}

function socketTo(address: EngineAddress): Socket {
  if (address.kind === 'unix') return connect({ path: address.path })
  const { host, port, tls } = address
  if (tls === undefined) return connect({ host, port, noDelay: true })
  return connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...tls })
}

interface Waiting {
  head: boolean
  resolve(answer: Answer): void
  reject(reason: unknown): void
  /** Its caller waits no longer. */
  given: boolean
}

class OrderedConnection extends Calls {
  /** Sent and not answered, the oldest first. */
  readonly #waiting: Waiting[] = []
  readonly #parser = new HTTPParser(HTTPParser.RESPONSE)
  readonly #socket: Socket
  #status = 0
  #chunks: Buffer[] = []
  #lasting = true
  #fault: unknown
  #answered: (() => void) | undefined

  constructor(socket: Socket, closed: () => void) {
    super()
    this.#socket = socket
    socket.on('error', (error) => {
      this.#fault ??= error
    })
    socket.on('data', (data: Buffer) => this.#read(data))
    socket.on('close', () => {
      closed()
      this.#cut()
    })
    this.#parser[HTTPParser.kOnHeadersComplete] = ({ statusCode, shouldKeepAlive }) => {
      this.#status = statusCode
      this.#lasting &&= shouldKeepAlive
      return this.#waiting[0]?.head === true ? 1 : 0
    }
    this.#parser[HTTPParser.kOnBody] = (chunk, offset, length) => {
      this.#chunks.push(chunk.subarray(offset, offset + length))
    }
    this.#parser[HTTPParser.kOnMessageComplete] = () => this.#end()
  }

  get usable(): boolean {
    return this.#lasting && !this.#socket.destroyed && this.#fault === undefined
  }

  ref(on: boolean): this {
    if (on) this.#socket.ref()
    else this.#socket.unref()
    return this
  }

  destroy(): void {
    this.#socket.destroy()
  }

  whenAnswered(then: () => void): void {
    if (this.#waiting.length === 0) then()
    else this.#answered = then
  }

  protected ask(path: string, settings: CallSettings): Promise<Answer> {
    const { method = 'GET', signal, archive } = settings
    return new Promise<Answer>((resolve, reject) => {
      signal?.throwIfAborted()
      if (archive !== undefined) throw new TypeError('An archive that is sent as it comes has a connection of its own.')
      if (!this.usable) throw failure(this.#fault, signal) ?? new EngineUnreachable('ECONNRESET')
      const began = performance.now()
      const abort = () => {
        one.given = true
        reject(signal?.reason)
        this.#look()
      }
      const one: Waiting = {
        head: method === 'HEAD',
        given: false,
        resolve: (answer) => {
          signal?.removeEventListener('abort', abort)
          resolve(answer)
          if (answered.hasSubscribers)
            answered.publish({ method, path, status: answer.status, took: performance.now() - began })
        },
        reject: (reason) => {
          signal?.removeEventListener('abort', abort)
          reject(failure(reason, signal))
        },
      }
      const bytes = bytesOf(method, requestOf(path, settings))
      this.#waiting.push(one)
      signal?.addEventListener('abort', abort, { once: true })
      this.#gather()
      for (const part of bytes) this.#socket.write(part)
    })
  }

  /** What is called at once goes out at once. */
  #gather(): void {
    if (this.#socket.writableCorked > 0) return
    this.#socket.cork()
    nextTick(() => this.#socket.uncork())
  }

  #read(data: Buffer): void {
    const done = this.#waiting.length === 0 ? new Error('Nobody asked.') : this.#parser.execute(data)
    if (!(done instanceof Error)) return
    this.#fault ??= Object.assign(done, { code: 'HPE_INVALID' })
    this.destroy()
  }

  /** An answer is whole. */
  #end(): void {
    const body = Buffer.concat(this.#chunks)
    this.#chunks = []
    // What only tells that there will be one.
    if (this.#status < 200) return
    const one = this.#waiting.shift()
    if (one === undefined) this.#fault ??= new Error('Nobody asked.')
    one?.resolve({ status: this.#status, body: Readable.from(body.length === 0 ? [] : [body]) })
    this.#look()
  }

  #look(): void {
    if (this.#waiting.length > 0) {
      // What waits for others goes on.
      if (this.#waiting.every(({ given }) => given)) this.destroy()
      return
    }
    this.#answered?.()
    this.#answered = undefined
  }

  #cut(): void {
    // An answer may be as long as the connection lasts.
    if (this.#fault === undefined) this.#parser.finish()
    this.#fault ??= Object.assign(new Error('The connection was closed.'), { code: 'ECONNRESET' })
    for (const one of this.#waiting.splice(0)) one.reject(this.#fault)
    this.#look()
  }
}

function bytesOf(method: string, { path, headers, content }: ReturnType<typeof requestOf>): Buffer[] {
  const none = content === undefined && (method === 'POST' || method === 'PUT')
  const lines = Object.entries({ host: 'docker', ...headers, ...(none ? { 'content-length': '0' } : {}) })
  const head = [`${method} ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)]
  // Nothing that was given may end a line.
  if (!/^[\x21-\x7e]+$/.test(path) || head.some((line) => /[^\t\x20-\x7e]/.test(line)))
    throw new TypeError('A request to the Docker Engine holds a character that has no place there.')
  return [Buffer.from(`${head.join('\r\n')}\r\n\r\n`), ...(content === undefined ? [] : [content])]
}
