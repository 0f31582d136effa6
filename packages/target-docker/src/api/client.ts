import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { pipeline } from 'node:stream'
import type { EngineAddress } from './address.js'
import { type Answer, type CallSettings, Calls, failure, requestOf } from './calls.js'
import { OrderedConnections } from './ordered.js'

export { type Calls, EngineError, EngineUnreachable, failure } from './calls.js'

/**
 * The engine's API over kept connections. No version is in the paths: the engine answers in its own, and only fields are read that every
 * version since 1.41 has.
 */
export class EngineClient extends Calls {
  readonly #agent: Agent
  readonly #fresh: Agent
  readonly #base: RequestOptions
  readonly #send: typeof request
  readonly #ordered: OrderedConnections

  constructor(readonly address: EngineAddress) {
    super()
    const { tls } = address
    this.#agent = tls ? new TlsAgent({ keepAlive: true, ...tls }) : new Agent({ keepAlive: true })
    this.#fresh = tls ? new TlsAgent(tls) : new Agent()
    this.#send = tls ? tlsRequest : request
    this.#base =
      address.kind === 'unix'
        ? { socketPath: address.path, host: 'docker' }
        : { host: address.host, port: address.port }
    this.#ordered = new OrderedConnections(address)
  }

  /** What is called by `calls` goes over one connection, in its order: see OrderedConnections. */
  inOrder<T>(act: (calls: Calls) => Promise<T>): Promise<T> {
    return this.#ordered.use(act)
  }

  close(): void {
    this.#agent.destroy()
    this.#ordered.close()
  }

  protected async ask(path: string, settings: CallSettings): Promise<Answer> {
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

  #once(path: string, settings: CallSettings): Promise<Answer> {
    const { method = 'GET', archive, signal } = settings
    const { content, ...rest } = requestOf(path, settings)
    return new Promise<Answer>((resolve, reject) => {
      const call = this.#send(
        {
          ...this.#base,
          ...rest,
          agent: archive === undefined ? this.#agent : this.#fresh,
          method,
          ...(signal === undefined ? {} : { signal }),
        },
        (body: IncomingMessage) => resolve({ status: body.statusCode ?? 0, body }),
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
