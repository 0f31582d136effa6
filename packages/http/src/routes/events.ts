import { AppaloftError, cursorSchema, type Envelope } from '@appaloft/core/spec'
import { parseAccept } from 'hono/utils/accept'
import { publicError, statusOf } from '../problems.js'
import { eventsQuerySchema } from '../schemas.js'
import { cursorOfEventId, endedAt, envelopeStream, jsonLine, serverSentEvent } from '../stream.js'
import { type Call, deploymentOf, type Route, route } from './route.js'

const sse = 'text/event-stream'
const lines = 'application/x-ndjson'

/** Does the client prefer server-sent events to JSON lines? */
export function prefersEvents(accept: string | null): boolean {
  const wanted = parseAccept(accept ?? '').filter((one) => one.q > 0)
  const of = (...types: string[]) =>
    Math.max(-1, ...wanted.filter((one) => types.includes(one.type)).map((one) => one.q))
  return of(sse) >= 0 && of(sse) >= of(lines, 'application/jsonl', 'application/json')
}

/** What is the server's own matter is not told in a stream either, and its paths are not shown. */
function shown({ paths, settings, request }: Call, envelope: Envelope): Envelope {
  if (envelope.kind !== 'error' || statusOf(envelope.error.code) < 500) return paths.json(envelope)
  settings.onError(envelope.error, request)
  return { kind: 'error', error: new AppaloftError(envelope.error.code).toJSON() }
}

export const eventsRoute = (): Route =>
  route({
    method: 'get',
    path: '/api/deployments/{id}/events',
    action: 'deployments.events',
    summary: 'What happens, and happened',
    description:
      'JSON lines, or server-sent events where `Accept` prefers `text/event-stream`. Server-sent events follow unless `follow=false`; ' +
      'JSON lines end with what there is unless `follow=true`.',
    id: 'deployment',
    query: eventsQuerySchema,
    headers: { 'Last-Event-ID': 'The id of the last message that was received; goes before `cursor`.' },
    answers: [
      { status: 200, description: 'Envelopes, as they come.', content: { [lines]: 'Envelope', [sse]: 'Envelope' } },
      { status: 204, description: 'Server-sent events: the client has everything, and need not connect again.' },
    ],
    missing: 'deployment-not-found',
    async handle(call) {
      const events = prefersEvents(call.request.headers.get('accept'))
      const lastEventId = call.request.headers.get('last-event-id') || null
      const { follow = events, heartbeatSeconds, idleTimeoutSeconds } = call.query
      const cursor = lastEventId === null ? call.query.cursor : cursorOfEventId(lastEventId)
      if (cursor !== undefined && !cursorSchema.safeParse(cursor).success) throw new AppaloftError('cursor-invalid')
      await deploymentOf(call)
      const headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-accel-buffering': 'no' }
      if (events && lastEventId !== null && endedAt(lastEventId)) return new Response(null, { status: 204, headers })
      const encode = events ? serverSentEvent(follow) : jsonLine
      const stream = envelopeStream({
        open: (signal) =>
          call.appaloft.deployments.events(call.id, {
            follow,
            signal,
            ...(cursor === undefined ? {} : { cursor }),
            ...(heartbeatSeconds === undefined ? {} : { heartbeatSeconds }),
            ...(idleTimeoutSeconds === undefined ? {} : { idleTimeoutSeconds }),
          }),
        encode: (envelope) => encode(shown(call, envelope)),
        failed(error) {
          const told = publicError(error)
          if (statusOf(told.code) >= 500) call.settings.onError(error, call.request)
          return encode(call.paths.json({ kind: 'error', error: told }))
        },
        ...(events ? { prelude: 'retry: 2000\n\n' } : {}),
        signal: call.request.signal,
      })
      return new Response(stream, { headers: { 'content-type': events ? sse : lines, ...headers } })
    },
  })
