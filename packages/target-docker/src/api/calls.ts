import type { Readable } from 'node:stream'
import type { z } from 'zod'

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

export interface Answer {
  status: number
  body: Readable
}

/** How calls are read, whatever way they go. Errors: EngineError, EngineUnreachable, the signal's reason. */
export abstract class Calls {
  protected abstract ask(path: string, settings: CallSettings): Promise<Answer>

  /** The answer's body as the schema reads it. */
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
    const { status, body } = await this.ask(path, settings)
    // 304: it was so already.
    if (status < 400) return body
    const text = await textOf(body).catch(() => '')
    throw new EngineError(status, messageOf(text) ?? `The Docker Engine answered ${status}.`)
  }
}

/** What a call says, as it goes into its request. */
export function requestOf(path: string, { query = {}, body, archive, headers = {} }: CallSettings) {
  const content = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  const kind = Buffer.isBuffer(body) || archive !== undefined ? 'application/x-tar' : 'application/json'
  return {
    path: `${path}${searchOf(query)}`,
    content,
    headers: {
      ...(content === undefined && archive === undefined ? {} : { 'content-type': kind }),
      ...(content === undefined ? {} : { 'content-length': String(content.length) }),
      ...headers,
    },
  }
}

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
