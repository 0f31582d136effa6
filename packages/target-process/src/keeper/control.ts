import { createServer, type IncomingMessage, type Server } from 'node:http'
import { CodedError } from '../shared/errors.js'
import { errorCode, isRecord, type JsonRecord } from '../shared/files.js'
import type { Layout } from '../shared/paths.js'
import { handoverPath, protocolVersion } from '../shared/protocol.js'
import { listenOn } from './socket.js'

export type Handlers = Readonly<Record<string, (params: JsonRecord) => Promise<unknown>>>

/** The keeper's control socket: HTTP and JSON, one request a call. */
export async function openControl(
  layout: Layout,
  handlers: Handlers,
  events: { handover(): Promise<void>; log(text: string): void; called(): void },
): Promise<Server> {
  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    events.called()
    if (request.url === handoverPath) {
      await events.handover()
      return { status: 200, body: { ok: true, result: null } }
    }
    const params = await readBody(request)
    if (params.protocol !== protocolVersion) return { status: 409, body: { ok: false, protocol: protocolVersion } }
    const handler = handlers[request.url?.slice(1) ?? '']
    if (handler === undefined) throw new CodedError('unsupported-operation', 'The keeper does not know this call.')
    return { status: 200, body: { ok: true, result: (await handler(params)) ?? null } }
  }
  const server = createServer((request, response) => {
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body))
    }
    answer(request).then(
      ({ status, body }) => send(status, body),
      (error: unknown) => {
        const { code, message, details } = error instanceof CodedError ? error : unexpected(error)
        if (code === 'internal-error') events.log(`${request.url} failed: ${message}`)
        send(200, { ok: false, error: { code, message, details } })
      },
    )
  })
  server.requestTimeout = 0
  await listenOn(server, layout.socket('keeper'))
  return server
}

function unexpected(error: unknown) {
  const full = ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')
  const message = error instanceof Error ? error.message : 'unknown error'
  return { code: full ? 'disk-full' : 'internal-error', message, details: {} }
}

const longestBody = 16 * 1024 * 1024

async function readBody(request: IncomingMessage): Promise<JsonRecord> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > longestBody) throw new CodedError('invalid-input', 'The call is too large.')
    chunks.push(chunk)
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}')
  if (!isRecord(value)) throw new CodedError('invalid-input', 'A call is a JSON object.')
  return value
}
