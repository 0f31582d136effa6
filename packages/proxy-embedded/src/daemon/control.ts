import http from 'node:http'
import { isRouteTable, isWhole } from '../check.js'
import { type ControlAnswer, type ControlError, type ListenWish, type PingValue, protocolVersion } from '../protocol.js'
import { Fault, invalid } from './fault.js'
import type { Registry } from './registry.js'

const maxBytes = 8 * 1024 * 1024

export interface ControlOptions {
  /** Resolves once the table is served. */
  ready: Promise<Registry>
  startedAt: string
  problems(): string[]
  log(line: string): void
}

/** The control plane: one JSON request and one JSON answer over HTTP on a unix socket. */
export function createControlServer(options: ControlOptions): http.Server {
  const server = http.createServer({ keepAliveTimeout: 30_000 }, (req, res) => {
    res.on('error', () => {})
    void answerTo(options, req).then((answer) => {
      const body = JSON.stringify({ protocol: protocolVersion, ...answer })
      res.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body))])
      res.end(body)
    })
  })
  return server
}

type Unversioned<T> = T extends unknown ? Omit<T, 'protocol'> : never

async function answerTo(options: ControlOptions, req: http.IncomingMessage): Promise<Unversioned<ControlAnswer>> {
  try {
    const request = await readJson(req)
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

async function readJson(req: http.IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw invalid('The request is too large.')
    chunks.push(chunk)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Falls through: both are the same fault.
  }
  throw invalid('The request is not JSON.')
}
