import { createServer, type Server, type Socket } from 'node:net'
import { isRouteTable, isWhole } from '../check.js'
import { type ControlAnswer, type ControlError, type ListenWish, type PingValue, protocolVersion } from '../protocol.js'
import { type Message, serveLines } from '../wire.js'
import { Fault, invalid } from './fault.js'
import type { Registry } from './registry.js'

export interface ControlOptions {
  /** Resolves once the table is served. */
  ready: Promise<Registry>
  startedAt: string
  problems(): string[]
  log(line: string): void
}

/** The control plane: one JSON object a line on a unix socket. */
export class ControlServer {
  readonly server: Server
  /** Open connections, with the number of questions that wait for their answer. */
  readonly #open = new Map<Socket, number>()
  #closing = false

  constructor(options: ControlOptions) {
    this.server = createServer((socket) => {
      this.#open.set(socket, 0)
      socket.once('close', () => this.#open.delete(socket))
      serveLines(socket, async (question) => {
        this.#count(socket, 1)
        try {
          return { protocol: protocolVersion, ...(await answerTo(options, question)) }
        } finally {
          // After the answer is written.
          setImmediate(() => this.#count(socket, -1))
        }
      })
    })
  }

  /** Takes no more; connections end as soon as they wait for nothing. */
  close(): void {
    this.#closing = true
    this.server.close()
    for (const socket of this.#open.keys()) this.#count(socket, 0)
  }

  cut(): void {
    for (const socket of this.#open.keys()) socket.destroy()
  }

  #count(socket: Socket, change: number): void {
    const waiting = (this.#open.get(socket) ?? 0) + change
    if (this.#open.has(socket)) this.#open.set(socket, waiting)
    if (this.#closing && waiting === 0) socket.end()
  }
}

type Unversioned<T> = T extends unknown ? Omit<T, 'protocol'> : never

async function answerTo(options: ControlOptions, request: Message | null): Promise<Unversioned<ControlAnswer>> {
  try {
    if (request === null) throw invalid('The request is not JSON.')
    if (request.protocol !== protocolVersion) {
      throw new Fault('unsupported-operation', `The proxy speaks protocol ${protocolVersion}.`, {
        protocol: protocolVersion,
      })
    }
    const value = request.call === 'ping' ? ping(options) : await perform(await options.ready, request)
    return { ok: true, value: value ?? null }
  } catch (error) {
    return { ok: false, error: errorOf(error, options.log) }
  }
}

const ping = (options: ControlOptions): PingValue => ({
  pid: process.pid,
  startedAt: options.startedAt,
  problems: options.problems(),
})

function errorOf(error: unknown, log: (line: string) => void): ControlError {
  if (error instanceof Fault) return { code: error.code, message: error.message, details: error.details }
  const { message, name } = error as Error
  log(`control: ${name}: ${message}`)
  return { code: 'internal-error', message: 'The proxy failed unexpectedly.' }
}

function perform(registry: Registry, request: Record<string, unknown>): unknown {
  const resourceId = text(request, 'resourceId')
  switch (request.call) {
    case 'mark':
      return registry.mark(resourceId)
    case 'fence':
      return registry.fence(resourceId, whole(request, 'token'), whole(request, 'expected'), text(request, 'owner'))
    case 'apply': {
      const { table } = request
      if (!isRouteTable(table)) throw invalid('The route table is not valid.')
      return registry.apply(resourceId, whole(request, 'token'), table, listenWish(request.listen))
    }
    case 'observe':
      return registry.observe(resourceId)
    case 'endpoint':
      return registry.endpoint(resourceId)
    case 'remove':
      return registry.remove(resourceId, whole(request, 'token'))
    case 'cut':
      return registry.cut(resourceId, text(request, 'deploymentId'), whole(request, 'token'))
    default:
      throw new Fault('unsupported-operation', 'The proxy does not know this call.')
  }
}

function text(request: Record<string, unknown>, name: string): string {
  const value = request[name]
  if (typeof value !== 'string' || value === '') throw invalid(`${name} must be a text.`)
  return value
}

function whole(request: Record<string, unknown>, name: string): number {
  const value = request[name]
  if (!isWhole(value)) throw invalid(`${name} must be a whole number.`)
  return value
}

function listenWish(value: unknown): ListenWish {
  if (typeof value !== 'object' || value === null) return {}
  const { host, port } = value as Record<string, unknown>
  const wish: ListenWish = {}
  if (typeof host === 'string') wish.host = host
  if (isWhole(port) && port > 0 && port < 65_536) wish.port = port
  return wish
}
