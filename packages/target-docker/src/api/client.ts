import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { pipeline, type Readable } from 'node:stream'
import type { z } from 'zod'
import type { EngineAddress } from './address.js'

/** What the engine answered where it refused. */
export class EngineError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

/** Nobody answers at the engine's address, or the connection was cut. */
export class EngineUnreachable extends Error {
  constructor(readonly systemCode: string) {
    super(`The Docker Engine does not answer (${systemCode}).`)
  }
}

export interface CallSettings {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  /** Undefined values are left out, objects become JSON. */
  query?: Record<string, string | number | boolean | object | undefined>
  body?: object | Buffer
  /** An archive that is sent as it comes, on a connection of its own: one that was kept could be closed by now. It is destroyed with the call. */
  archive?: Readable
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
}

/**
 * The engine's API over kept connections. No version is in the paths: the engine answers in its own, and only fields are read that every
 * version since 1.41 has.
 */
export class EngineClient {
  readonly #agent: Agent
  readonly #fresh: Agent
  readonly #base: RequestOptions
  readonly #send: typeof request

  constructor(readonly address: EngineAddress) {
    const { tls } = address
    this.#agent = tls ? new TlsAgent({ keepAlive: true, ...tls }) : new Agent({ keepAlive: true })
    this.#fresh = tls ? new TlsAgent(tls) : new Agent()
    this.#send = tls ? tlsRequest : request
    this.#base =
      address.kind === 'unix'
        ? { socketPath: address.path, host: 'docker' }
        : { host: address.host, port: address.port }
  }

  /** The answer's body as the schema reads it. Errors: EngineError, EngineUnreachable, the signal's reason. */
  async json<S extends z.ZodType>(path: string, schema: S, settings: CallSettings = {}): Promise<z.infer<S>> {
    const text = await this.text(path, settings)
    return schema.parse(text === '' ? null : JSON.parse(text))
  }

  async text(path: string, settings: CallSettings = {}): Promise<string> {
    const answer = await this.stream(path, settings)
    try {
      return await textOf(answer)
    } catch (error) {
      throw failure(error, settings.signal)
    }
  }

  /** The answer's body as it comes. Whoever takes it reads it to its end or destroys it. */
  async stream(path: string, settings: CallSettings = {}): Promise<Readable> {
    const answer = await this.#ask(path, settings)
    const status = answer.statusCode ?? 0
    // 304: it was so already.
    if (status < 400) return answer
    const text = await textOf(answer).catch(() => '')
    throw new EngineError(status, messageOf(text) ?? `The Docker Engine answered ${status}.`)
  }

  close(): void {
    this.#agent.destroy()
  }

  async #ask(path: string, settings: CallSettings): Promise<IncomingMessage> {
    const { signal, method = 'GET' } = settings
    signal?.throwIfAborted()
    try {
      return await this.#once(path, settings)
    } catch (error) {
      // A kept connection may have been closed by the engine at this very moment; then it has not seen the request.
      const stale = error instanceof Stale
      if (!stale || (method !== 'GET' && method !== 'HEAD')) throw failure(stale ? error.cause : error, signal)
    }
    return await this.#once(path, settings).catch((error: unknown) => {
      throw failure(error instanceof Stale ? error.cause : error, signal)
    })
  }

  #once(path: string, { method = 'GET', query = {}, body, archive, headers = {}, signal }: CallSettings) {
    const content = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
    return new Promise<IncomingMessage>((resolve, reject) => {
      const call = this.#send(
        {
          ...this.#base,
          agent: archive === undefined ? this.#agent : this.#fresh,
          method,
          path: `${path}${searchOf(query)}`,
          headers: {
            ...(content === undefined
              ? {}
              : {
                  'content-type': Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json',
                  'content-length': content.length,
                }),
            ...(archive === undefined ? {} : { 'content-type': 'application/x-tar' }),
            ...headers,
          },
          ...(signal === undefined ? {} : { signal }),
        },
        resolve,
      )
      call.on('error', (error: NodeJS.ErrnoException) => {
        const cut = error.code === 'ECONNRESET' || error.code === 'EPIPE'
        reject(cut && call.reusedSocket ? new Stale('stale', { cause: error }) : error)
      })
      if (archive === undefined) call.end(content)
      else pipeline(archive, call, (error) => error && reject(error))
    })
  }
}

class Stale extends Error {}

function searchOf(query: NonNullable<CallSettings['query']>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) search.set(name, typeof value === 'object' ? JSON.stringify(value) : String(value))
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}

async function textOf(answer: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function messageOf(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return text === '' ? undefined : text.slice(0, 1000)
  }
}

export function failure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (code === undefined) return error
  return /^(?:E[A-Z]+$|HPE_)/.test(code) || code.startsWith('ERR_TLS') || code === 'CERT_HAS_EXPIRED'
    ? new EngineUnreachable(code)
    : error
}
