import type * as spec from '@appaloft/core/spec'

// Written out, with the contract's type: importing the values would load zod into the daemon.
export const verifyHeader: typeof spec.verifyHeader = 'x-appaloft-verify'
export const identityHeader: typeof spec.identityHeader = 'x-appaloft-deployment'

/** What one walk over the raw headers of a request finds. */
export interface RequestHead {
  /** Name, value, name, value: original case, order and duplicates, without what must not be passed on. */
  headers: string[]
  host: string | undefined
  hosts: number
  verify: string | undefined
  connection: string | undefined
  upgrade: string | undefined
  forwardedFor: string | undefined
  forwardedHost: string | undefined
  forwardedProto: string | undefined
  forwarded: string | undefined
  trailer: string | undefined
  /** `empty`: a length of 0 was given. */
  framing: 'none' | 'empty' | 'length' | 'chunked' | 'unsupported'
  expects: boolean
}

/**
 * Drops what belongs to one connection only, what is ours, and what is written anew. By length first: most names are dismissed
 * without being turned to lower case.
 */
export function readRequest(raw: readonly string[]): RequestHead {
  const headers: string[] = []
  const head: RequestHead = {
    headers,
    host: undefined,
    hosts: 0,
    verify: undefined,
    connection: undefined,
    upgrade: undefined,
    forwardedFor: undefined,
    forwardedHost: undefined,
    forwardedProto: undefined,
    forwarded: undefined,
    trailer: undefined,
    framing: 'none',
    expects: false,
  }
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    const value = raw[i + 1]!
    if (!keepRequestHeader(head, name, value)) continue
    headers.push(name, value)
  }
  if (head.connection !== undefined) dropListed(headers, head.connection)
  return head
}

function keepRequestHeader(head: RequestHead, name: string, value: string): boolean {
  switch (name.length) {
    case 2:
      return name.toLowerCase() !== 'te'
    case 4:
      if (name.toLowerCase() !== 'host') return true
      head.host = value
      head.hosts++
      return true
    case 6:
      if (name.toLowerCase() !== 'expect') return true
      head.expects = true
      return true
    case 7: {
      const lower = name.toLowerCase()
      if (lower === 'upgrade') head.upgrade = join(head.upgrade, value)
      else if (lower === 'trailer') head.trailer = join(head.trailer, value)
      else return true
      return false
    }
    case 9:
      if (name.toLowerCase() !== 'forwarded') return true
      head.forwarded = join(head.forwarded, value)
      return false
    case 10: {
      const lower = name.toLowerCase()
      if (lower === 'connection') head.connection = join(head.connection, value)
      else if (lower !== 'keep-alive') return true
      return false
    }
    case 14:
      if (name.toLowerCase() === 'content-length' && head.framing === 'none')
        head.framing = value === '0' ? 'empty' : 'length'
      return true
    case 15:
      if (name.toLowerCase() !== 'x-forwarded-for') return true
      head.forwardedFor = join(head.forwardedFor, value)
      return false
    case 16: {
      const lower = name.toLowerCase()
      if (lower === 'x-forwarded-host') head.forwardedHost = value
      else if (lower !== 'proxy-connection') return true
      return false
    }
    case 17: {
      const lower = name.toLowerCase()
      if (lower === 'transfer-encoding') {
        const once = head.framing !== 'unsupported' && value.toLowerCase() === 'chunked'
        head.framing = once ? 'chunked' : 'unsupported'
      } else if (lower === 'x-forwarded-proto') head.forwardedProto = value
      else if (lower === verifyHeader) head.verify ??= value
      else return true
      return false
    }
    case 18: {
      const lower = name.toLowerCase()
      return lower !== 'x-forwarded-prefix' && lower !== 'proxy-authenticate'
    }
    case 19:
      return name.toLowerCase() !== 'proxy-authorization'
    case 21:
      return name.toLowerCase() !== identityHeader
    default:
      return true
  }
}

/** What one walk over the raw headers of an upstream's answer finds. */
export interface ResponseHead {
  headers: string[]
  /** As they came; repeated ones joined with commas. */
  connection: string | undefined
  contentLength: string | undefined
  transferEncoding: string | undefined
  trailer: string | undefined
  /** For how long the upstream says that it keeps an idle connection. */
  keepAliveSeconds: number | undefined
}

export function readResponse(raw: readonly string[]): ResponseHead {
  const headers: string[] = []
  const head: ResponseHead = {
    headers,
    connection: undefined,
    contentLength: undefined,
    transferEncoding: undefined,
    trailer: undefined,
    keepAliveSeconds: undefined,
  }
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    const value = raw[i + 1]!
    switch (name.length) {
      case 2:
        if (name.toLowerCase() === 'te') continue
        break
      case 7: {
        const lower = name.toLowerCase()
        if (lower === 'upgrade') continue
        if (lower !== 'trailer') break
        head.trailer = join(head.trailer, value)
        continue
      }
      case 10: {
        const lower = name.toLowerCase()
        if (lower === 'connection') head.connection = join(head.connection, value)
        else if (lower === 'keep-alive') head.keepAliveSeconds = timeoutOf(value)
        else break
        continue
      }
      case 14:
        if (name.toLowerCase() === 'content-length') head.contentLength = join(head.contentLength, value)
        break
      case 16:
        if (name.toLowerCase() === 'proxy-connection') continue
        break
      case 17: {
        const lower = name.toLowerCase()
        if (lower === 'transfer-encoding') head.transferEncoding = join(head.transferEncoding, value)
        else if (lower !== verifyHeader) break
        continue
      }
      case 18:
        if (name.toLowerCase() === 'proxy-authenticate') continue
        break
      case 21:
        if (name.toLowerCase() === identityHeader) continue
        break
    }
    headers.push(name, value)
  }
  if (head.connection !== undefined) dropListed(headers, head.connection)
  return head
}

const timeoutOf = (value: string): number | undefined => {
  const found = /timeout=(\d{1,6})/i.exec(value)
  return found === null ? undefined : Number(found[1])
}

const join = (before: string | undefined, value: string): string =>
  before === undefined ? value : `${before}, ${value}`

/** Never dropped for being listed: without them the message would mean something else. */
const unlistable = new Set(['host', 'content-length', 'content-type', 'content-encoding', 'content-range', 'date'])

/** Removes the headers that `Connection` lists: they are meant for this connection only. */
function dropListed(headers: string[], connection: string): void {
  const simple = connection.length
  if (simple === 10 || simple === 5) {
    const lower = connection.toLowerCase()
    if (lower === 'keep-alive' || lower === 'close') return
  }
  const listed = new Set<string>()
  for (const part of connection.split(',')) {
    const name = part.trim().toLowerCase()
    if (name !== '' && !unlistable.has(name)) listed.add(name)
  }
  let kept = 0
  for (let i = 0; i < headers.length; i += 2) {
    if (listed.has(headers[i]!.toLowerCase())) continue
    headers[kept++] = headers[i]!
    headers[kept++] = headers[i + 1]!
  }
  headers.length = kept
}

/** Trailers that may be passed on, as pairs: nothing that frames, routes or identifies. */
export function readTrailers(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) {
    if (!forbiddenTrailers.has(raw[i]!.toLowerCase())) pairs.push([raw[i]!, raw[i + 1]!])
  }
  return pairs
}

const forbiddenTrailers = new Set<string>([
  'transfer-encoding',
  'content-length',
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'authorization',
  'set-cookie',
  verifyHeader,
  identityHeader,
])
