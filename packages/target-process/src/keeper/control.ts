import type { Server } from 'node:net'
import { CodedError } from '../shared/errors.js'
import { errorCode, isRecord, type JsonRecord } from '../shared/files.js'
import type { Layout } from '../shared/paths.js'
import { handover, protocolVersion } from '../shared/protocol.js'
import { answering } from '../shared/talk.js'
import { listenOn } from './socket.js'

export type Handlers = Readonly<Record<string, (params: JsonRecord) => Promise<unknown>>>

/** The keeper's control socket. */
export async function openControl(
  layout: Layout,
  handlers: Handlers,
  events: { handover(): Promise<void>; log(text: string): void; called(): void },
): Promise<Server> {
  const perform = async (question: JsonRecord): Promise<object> => {
    const { call, protocol, params } = question
    if (call === handover) {
      await events.handover()
      return { ok: true, result: null }
    }
    if (protocol !== protocolVersion) return { ok: false, protocol: protocolVersion }
    const handler = typeof call === 'string' ? handlers[call] : undefined
    if (handler === undefined) throw new CodedError('unsupported-operation', 'The keeper does not know this call.')
    if (!isRecord(params)) throw new CodedError('invalid-input', 'The call lacks what it needs.')
    return { ok: true, result: (await handler(params)) ?? null }
  }
  const server = answering(async (question) => {
    events.called()
    try {
      if (question === null) throw new CodedError('invalid-input', 'A call is a JSON object.')
      return await perform(question)
    } catch (error) {
      const { code, message, details } = error instanceof CodedError ? error : unexpected(error)
      if (code === 'internal-error') events.log(`${String(question?.call)} failed: ${message}`)
      return { ok: false, error: { code, message, details } }
    }
  })
  await listenOn(server, layout.socket('keeper'))
  return server
}

function unexpected(error: unknown) {
  const full = ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')
  const message = error instanceof Error ? error.message : 'unknown error'
  return { code: full ? 'disk-full' : 'internal-error', message, details: {} }
}
