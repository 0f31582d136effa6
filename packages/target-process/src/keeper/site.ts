import { createReadStream, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import sirv from 'sirv'
import type { Site } from './sites.js'

/** Answers one site's requests. What is behind a symbolic link was settled by the build: none is left in what is served. */
export function serveSite({ root, spaFallback }: Pick<Site, 'root' | 'spaFallback'>) {
  const serve = sirv(root, {
    single: spaFallback,
    etag: true,
    brotli: true,
    gzip: true,
    setHeaders: (response, _path, stats) => {
      settleRange((response as ServerResponse).req, stats)
    },
    onNoMatch: (request, response) => notFound(root, request, response),
  })
  return (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD', 'content-length': '0' }).end()
      return
    }
    if (!request.url?.startsWith('/') || hidden(request.url)) {
      notFound(root, request, response)
      return
    }
    settleEncodings(request)
    response.once('pipe', (source) => guard(request, response, source))
    serve(request, response)
  }
}

type Ending = NodeJS.EventEmitter & { destroy?(): void }

/** sirv neither closes a file whose reader went away, nor survives one that cannot be read. */
function guard(request: IncomingMessage, response: ServerResponse, source: Ending): void {
  source.once('error', () => response.destroy())
  response.once('close', () => source.destroy?.())
  if (request.method !== 'HEAD') return
  source.destroy?.()
  response.end()
}

/** Dot files are private, but for `.well-known`. sirv hides them by their path on disk; this also keeps them out of fallbacks. */
const hidden = (url: string): boolean => {
  const path = url.split('?')[0] ?? ''
  let decoded = path
  try {
    decoded = decodeURIComponent(path)
  } catch {}
  return /\/\.(?!well-known(?:\/|$))/.test(decoded) || decoded.includes('\0')
}

/** An encoding with the weight 0 is refused by the client, although its name is in the header. */
function settleEncodings(request: IncomingMessage): void {
  const accepted = request.headers['accept-encoding']
  if (typeof accepted !== 'string' || !accepted.includes('q=0')) return
  request.headers['accept-encoding'] = accepted
    .split(',')
    .filter((one) => !/;\s*q=0(?:\.0*)?\s*$/.test(one))
    .join(',')
}

/**
 * sirv takes `bytes=A-B` and `bytes=A-` with A ≤ B alone. Everything else becomes one of them, or the whole file, which is always a
 * legal answer to a range.
 */
function settleRange(request: IncomingMessage, stats: { size: number; mtime: Date }): void {
  const { range, 'if-range': condition } = request.headers
  if (range === undefined) return
  const settled = settle(range.trim(), stats.size)
  // Our ETags are weak, and a weak one never matches here; a date does when it is the file's own.
  const stale = condition !== undefined && condition !== stats.mtime.toUTCString()
  if (request.method === 'HEAD' || settled === null || stale) delete request.headers.range
  else request.headers.range = settled
}

function settle(range: string, size: number): string | null {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return null
  if (first === '') {
    const length = Number(last)
    if (length === 0 || size === 0) return `bytes=${size}-`
    return `bytes=${Math.max(0, size - length)}-${size - 1}`
  }
  const start = Number(first)
  if (start >= size) return `bytes=${size}-`
  if (last === '') return `bytes=${start}-`
  const end = Math.min(Number(last), size - 1)
  // sirv reads an end of 0 as none
  return end < start || end === 0 ? null : `bytes=${start}-${end}`
}

function notFound(root: string, request: IncomingMessage, response: ServerResponse): void {
  const file = join(root, '404.html')
  const size = statSync(file, { throwIfNoEntry: false })?.size
  if (size === undefined) {
    const text = 'Not found\n'
    response.writeHead(404, { 'content-type': 'text/plain;charset=utf-8', 'content-length': text.length })
    response.end(request.method === 'HEAD' ? undefined : text)
    return
  }
  response.writeHead(404, { 'content-type': 'text/html;charset=utf-8', 'content-length': size })
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  const source = createReadStream(file)
  source.once('error', () => response.destroy())
  response.once('close', () => source.destroy())
  source.pipe(response)
}
