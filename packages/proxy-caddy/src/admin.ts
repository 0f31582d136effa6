import http from 'node:http'
import { type Address, AppaloftError, type CallOptions } from '@appaloft/core/spec'
import type { Json } from './entries.js'
import type { Elsewhere } from './machine.js'
import type { Settings } from './options.js'
import { unavailable } from './unavailable.js'

/** Loading a configuration opens listeners and may ask for certificates. */
const answerMs = 30_000

/** Nobody listens at the admin API. */
export class NotRunning extends Error {}

export interface Configuration {
  config: Json
  /** Of this state of the whole configuration. */
  etag: string
}

interface Answer {
  status: number
  etag: string
  text: string
}

/** Caddy's admin API: https://caddyserver.com/docs/api. A connection for each call, since each load replaces the listener. */
export class AdminApi {
  /** `elsewhere`: the way to it, where it is on another machine. */
  constructor(
    readonly settings: Pick<Settings, 'admin' | 'adminHost'>,
    readonly elsewhere: Elsewhere | null = null,
  ) {}

  async configuration(options: CallOptions = {}): Promise<Configuration> {
    const { status, etag, text } = await this.#ask('GET', '/config/', null, {}, options)
    if (status !== 200) throw refused(status, text)
    if (etag === '')
      throw unavailable('Caddy does not say which state its configuration is in: 2.6 or later is needed.')
    return { config: parsed(text), etag }
  }

  /** False: somebody else changed the configuration since `etag`. Nothing was changed then. */
  async replace(config: Json, etag: string, options: CallOptions = {}): Promise<boolean> {
    const { status, text } = await this.#ask('POST', '/config/', JSON.stringify(config), { 'If-Match': etag }, options)
    if (status === 412) return false
    if (status !== 200) throw refused(status, text)
    return true
  }

  /** The requests in flight of each address that has any. */
  async inFlight(options: CallOptions = {}): Promise<Map<string, number>> {
    const { status, text } = await this.#ask('GET', '/reverse_proxy/upstreams', null, {}, options)
    if (status !== 200) throw refused(status, text)
    const counts = new Map<string, number>()
    for (const one of parsed(text) as { address: string; num_requests: number }[]) {
      counts.set(one.address, (counts.get(one.address) ?? 0) + one.num_requests)
    }
    return counts
  }

  async #ask(
    method: string,
    path: string,
    body: string | null,
    headers: http.OutgoingHttpHeaders,
    options: CallOptions,
  ): Promise<Answer> {
    const { signal } = options
    const { place: there, host } = locate(this.settings)
    const place = this.elsewhere === null ? there : dialed(await this.elsewhere.way(addressOf(there), options))
    return await new Promise((resolve, reject) => {
      const request = http.request({
        ...place,
        method,
        path,
        agent: false,
        // Caddy wants an empty name on a socket; Node would take that for none.
        setHost: false,
        signal: AbortSignal.any([AbortSignal.timeout(answerMs), ...(signal === undefined ? [] : [signal])]),
        // Caddy compares both with what it listens on, against pages in a browser of this machine.
        headers: {
          Host: host,
          ...(host === '' ? {} : { Origin: `http://${host}` }),
          ...(body === null ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
          ...headers,
        },
      })
      request.on('error', (error) => reject(failure(error, signal)))
      request.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('error', (error) => reject(failure(error, signal)))
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            // Before 2.7 it comes after the body.
            etag: String(response.headers.etag ?? response.trailers.etag ?? ''),
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        )
      })
      request.end(body ?? undefined)
    })
  }
}

type Place = { socketPath: string } | { host: string; port: number }

const addressOf = (place: Place): Address =>
  'socketPath' in place ? { kind: 'unix', path: place.socketPath } : { kind: 'tcp', ...place }
const dialed = (address: Address): Place =>
  address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port }

function locate({ admin, adminHost }: Pick<Settings, 'admin' | 'adminHost'>): { place: Place; host: string } {
  const socketPath = /^unix\/(\/.*)$/.exec(admin)?.[1]
  if (socketPath !== undefined) return { place: { socketPath }, host: adminHost ?? '' }
  const url = URL.canParse(admin) ? new URL(admin) : null
  if (url === null || url.protocol !== 'http:')
    throw new AppaloftError('invalid-composition', {
      message: 'The option admin of the proxy is neither http://HOST:PORT nor unix//PATH.',
    })
  return {
    place: { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port || 80) },
    host: adminHost ?? url.host,
  }
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    throw unavailable('What answers at Caddy’s admin API is not Caddy.')
  }
}

const gone = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ENOTDIR'])

function failure(error: NodeJS.ErrnoException, signal: AbortSignal | undefined): Error {
  if (signal?.aborted) return signal.reason instanceof Error ? signal.reason : error
  if (error.code !== undefined && gone.has(error.code)) return new NotRunning(error.message)
  if (error.code === 'EACCES') return unavailable('This user may not use Caddy’s admin API.')
  return unavailable(`Caddy’s admin API cannot be asked: ${error.code ?? error.message}.`)
}

function refused(status: number, text: string): AppaloftError {
  let said = text
  try {
    said = String((JSON.parse(text) as { error?: unknown }).error ?? text)
  } catch {
    // As it came.
  }
  const taken = /listen(?:ing)?(?: on|) .*?([^\s]*:\d+).*address already in use/.exec(said)?.[1]
  if (taken !== undefined)
    return unavailable(
      `Another program listens on ${taken.replace(/^\[?::\]?/, '')} already.`,
      'Stop that program, or set the options http and https of the proxy to other ports.',
    )
  const hint =
    status === 403
      ? 'Set adminHost of the proxy to a host that Caddy’s admin API allows.'
      : 'Read Caddy’s message; the options http, https and tls of the proxy say what it asks of Caddy.'
  return unavailable(`Caddy refused with ${status}: ${said.slice(0, 500)}`, hint)
}
