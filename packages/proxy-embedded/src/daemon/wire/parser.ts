import { type ResponseHead, readResponse } from '../headers.js'
import { maxHeaderSize } from '../limits.js'

/** The head of an answer, and how the end of its body is known. */
export interface AnswerHead extends ResponseHead {
  status: number
  reason: string
  /** `close`: the body ends with the connection. */
  framing: 'none' | 'length' | 'chunked' | 'close'
  /** With framing `length`. */
  length: number
  keepAlive: boolean
}

export interface AnswerSink {
  /** 100 Continue, or another answer that announces the real one. */
  onInformation(status: number): void
  onHead(head: AnswerHead): void
  onData(chunk: Buffer): void
  onEnd(rawTrailers: string[]): void
}

/** What came is not an answer of HTTP/1, or one that could be read in two ways. */
export class ProtocolError extends Error {
  readonly code = 'EPROTO'
}

const maxLineBytes = 4 * 1024

type State = 'head' | 'length' | 'close' | 'size' | 'chunk' | 'chunk-end' | 'trailers' | 'done'

/**
 * Reads the answers of one connection, one after the other. Strict where two readers could disagree about the end of a message: both
 * lengths, a length that is no number, a transfer encoding other than `chunked`, a chunk without its border.
 */
export class AnswerParser {
  #state: State = 'done'
  #head = false
  /** Bytes left of the body, or of the chunk. */
  #left = 0
  #carry: Buffer | null = null
  #trailers: string[] = []
  #stopped = false

  constructor(readonly sink: AnswerSink) {}

  /** Before each request. `head`: it is a HEAD, whose answer has no body whatever it says. */
  expect(head: boolean): void {
    this.#state = 'head'
    this.#head = head
    this.#carry = null
    this.#stopped = false
  }

  /** The sink wants no more: what is left of the present bytes is dropped. */
  stop(): void {
    this.#stopped = true
  }

  /** The answer is whole. False: bytes came that belong to no answer, or one is not finished. */
  get done(): boolean {
    return this.#state === 'done' && this.#carry === null
  }

  /** Throws ProtocolError. */
  feed(chunk: Buffer): void {
    const data = this.#carry === null ? chunk : Buffer.concat([this.#carry, chunk])
    this.#carry = null
    let at = 0
    while (!this.#stopped) {
      const next = this.#step(data, at)
      if (next < 0) {
        if (at < data.length) this.#carry = data.subarray(at)
        return
      }
      at = next
    }
  }

  /** The connection's other side ended. True: that was the end of the answer. */
  finish(): boolean {
    if (this.#state !== 'close') return false
    this.#end()
    return true
  }

  /** Takes one thing out of the bytes and says where the next begins; -1: more is needed. */
  #step(data: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(data, at)
      case 'length':
      case 'chunk':
        return this.#readBody(data, at)
      case 'close':
        if (at < data.length) this.sink.onData(at === 0 ? data : data.subarray(at))
        return at < data.length ? data.length : -1
      case 'size':
        return this.#readSize(data, at)
      case 'chunk-end':
        if (data.length - at < 2) return -1
        if (data[at] !== 13 || data[at + 1] !== 10) throw new ProtocolError('a chunk is longer than it says')
        this.#state = 'size'
        return at + 2
      case 'trailers':
        return this.#readTrailer(data, at)
      case 'done':
        return -1
    }
  }

  #readHead(data: Buffer, at: number): number {
    const end = data.indexOf('\r\n\r\n', at)
    if (end < 0 ? data.length - at > maxHeaderSize : end - at > maxHeaderSize)
      throw new ProtocolError('the head is too long')
    if (end < 0) return -1
    const head = parseHead(data.toString('latin1', at, end))
    if (head.status < 200) {
      if (head.status === 101) throw new ProtocolError('nobody asked for another protocol')
      this.sink.onInformation(head.status)
      return end + 4
    }
    frame(head, this.#head)
    this.#left = head.length
    this.#state = head.framing === 'chunked' ? 'size' : head.framing === 'none' ? 'head' : head.framing
    this.sink.onHead(head)
    if (head.framing === 'none' || (head.framing === 'length' && head.length === 0)) this.#end(end + 4 < data.length)
    return end + 4
  }

  #readBody(data: Buffer, at: number): number {
    const take = Math.min(this.#left, data.length - at)
    if (take === 0) return -1
    this.#left -= take
    const whole = at === 0 && take === data.length
    const last = this.#left === 0
    const inChunks = this.#state === 'chunk'
    if (last && inChunks) this.#state = 'chunk-end'
    this.sink.onData(whole ? data : data.subarray(at, at + take))
    if (last && !inChunks) this.#end(at + take < data.length)
    return at + take
  }

  #readSize(data: Buffer, at: number): number {
    const end = this.#line(data, at)
    if (end < 0) return -1
    const found = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(data.toString('latin1', at, end))
    if (found === null) throw new ProtocolError('the size of a chunk is not a number')
    this.#left = Number.parseInt(found[1]!, 16)
    this.#state = this.#left === 0 ? 'trailers' : 'chunk'
    this.#trailers = []
    return end + 2
  }

  #readTrailer(data: Buffer, at: number): number {
    const end = this.#line(data, at)
    if (end < 0) return -1
    if (end === at) {
      this.#end(end + 2 < data.length)
      return end + 2
    }
    readField(this.#trailers, data.toString('latin1', at, end))
    if (this.#trailers.length > 200) throw new ProtocolError('too many trailers')
    return end + 2
  }

  #line(data: Buffer, at: number): number {
    const end = data.indexOf('\r\n', at)
    if ((end < 0 ? data.length : end) - at > maxLineBytes) throw new ProtocolError('a line is too long')
    return end
  }

  /** Bytes beyond the end are kept as a carry, by which `done` knows that the connection is out of step. */
  #end(excess = false): void {
    this.#state = 'done'
    this.#carry = excess ? Buffer.alloc(0) : null
    this.sink.onEnd(this.#trailers)
    this.#trailers = []
  }
}

function parseHead(text: string): AnswerHead {
  const first = text.indexOf('\r\n')
  const line = first < 0 ? text : text.slice(0, first)
  const found = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/.exec(line)
  if (found === null) throw new ProtocolError('the first line is not one of an answer')
  const raw: string[] = []
  for (let at = first < 0 ? text.length : first + 2; at < text.length; ) {
    const end = text.indexOf('\r\n', at)
    readField(raw, text.slice(at, end < 0 ? text.length : end))
    at = end < 0 ? text.length : end + 2
  }
  const head = readResponse(raw) as AnswerHead
  head.status = Number(found[2])
  head.reason = found[3] ?? ''
  head.framing = 'none'
  head.length = 0
  const options = head.connection?.toLowerCase()
  head.keepAlive = found[1] === '1' ? !options?.includes('close') : Boolean(options?.includes('keep-alive'))
  return head
}

function readField(raw: string[], line: string): void {
  const code = line.charCodeAt(0)
  if (code === 32 || code === 9) {
    // A value that goes on in the next line, as old servers write it.
    if (raw.length === 0) throw new ProtocolError('a header begins with a space')
    raw[raw.length - 1] += ` ${line.trim()}`
    return
  }
  const colon = line.indexOf(':')
  if (colon < 1) throw new ProtocolError('a header has no name')
  const name = line.slice(0, colon)
  if (name.charCodeAt(colon - 1) <= 32) throw new ProtocolError('a space follows the name of a header')
  raw.push(name, trimSpace(line, colon + 1))
}

/** Spaces and tabs only: other white space belongs to the value. */
function trimSpace(line: string, from: number): string {
  let end = line.length
  let at = from
  while (at < end && (line.charCodeAt(at) === 32 || line.charCodeAt(at) === 9)) at++
  while (end > at && (line.charCodeAt(end - 1) === 32 || line.charCodeAt(end - 1) === 9)) end--
  return line.slice(at, end)
}

function frame(head: AnswerHead, isHead: boolean): void {
  const { contentLength, transferEncoding, status } = head
  if (contentLength !== undefined && !/^\d{1,15}$/.test(contentLength)) {
    throw new ProtocolError('the length is not a number')
  }
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) throw new ProtocolError('the answer has two lengths')
    if (transferEncoding.toLowerCase() !== 'chunked') throw new ProtocolError('the transfer encoding is not known')
  }
  if (isHead || status === 204 || status === 304) return
  if (transferEncoding !== undefined) head.framing = 'chunked'
  else if (contentLength !== undefined) {
    head.framing = 'length'
    head.length = Number(contentLength)
  } else head.framing = 'close'
}
