import type { Envelope } from '@appaloft/core/spec'

export type Encode = (envelope: Envelope) => string

/** One envelope a line. */
export const jsonLine: Encode = (envelope) => `${JSON.stringify(envelope)}\n`

/** The id of the last message of a stream that has come to its end: a browser sends it when it connects again, and is told to stop. */
const ended = /^closed-(?=\d)/
export const endedAt = (lastEventId: string): boolean => ended.test(lastEventId)
export const cursorOfEventId = (lastEventId: string): string => lastEventId.replace(ended, '')

/**
 * One envelope a message, all of the default type, so that `onmessage` gets them; the id is the cursor. `follow` says whether more could come: a source
 * that ended for who follows is an engine that was closed, and another one goes on.
 */
export const serverSentEvent =
  (follow: boolean): Encode =>
  (envelope) => {
    const id = eventId(envelope, follow)
    return `${id === null ? '' : `id: ${id}\n`}data: ${JSON.stringify(envelope)}\n\n`
  }

function eventId(envelope: Envelope, follow: boolean): string | null {
  switch (envelope.kind) {
    case 'event':
    case 'heartbeat':
      return envelope.cursor
    case 'gap':
      return envelope.to
    case 'closed':
      return envelope.reason === 'completed' || (envelope.reason === 'source-ended' && !follow)
        ? `closed-${envelope.cursor}`
        : envelope.cursor
    case 'error':
      return null
  }
}

const isLast = (envelope: Envelope) => envelope.kind === 'closed' || envelope.kind === 'error'

export interface StreamOptions {
  /** Opens the iterator; called when the client first reads, so that an answer nobody reads costs nothing. */
  open(signal: AbortSignal): AsyncIterator<Envelope>
  encode: Encode
  /** What a thrown error is told as, in bytes to send. */
  failed(error: unknown): string
  /** Sent before everything. */
  prelude?: string
  /** The client's: it went away. */
  signal: AbortSignal
}

function end(out: ReadableStreamDefaultController<Uint8Array>): void {
  try {
    out.close()
  } catch {
    // The reader closed it first.
  }
}

/**
 * Envelopes as bytes, made when they are read: one is in the making at any time, so a client that does not read holds back its own
 * iterator and nothing else. The end of the client ends the iterator.
 */
export function envelopeStream(options: StreamOptions): ReadableStream<Uint8Array> {
  const text = new TextEncoder()
  const away = new AbortController()
  let iterator: AsyncIterator<Envelope> | undefined
  let prelude = options.prelude
  const gone = () => void stop()
  const stop = async () => {
    options.signal.removeEventListener('abort', gone)
    away.abort()
    await iterator?.return?.().catch(() => {})
  }
  options.signal.addEventListener('abort', gone, { once: true })
  return new ReadableStream<Uint8Array>(
    {
      async pull(out) {
        if (prelude !== undefined) {
          out.enqueue(text.encode(prelude))
          prelude = undefined
          return
        }
        let last = true
        try {
          iterator ??= options.open(away.signal)
          const { done, value } = await iterator.next()
          if (away.signal.aborted) return end(out)
          if (!done) {
            last = isLast(value)
            out.enqueue(text.encode(options.encode(value)))
          }
        } catch (error) {
          if (away.signal.aborted) return end(out)
          out.enqueue(text.encode(options.failed(error)))
        }
        if (!last) return
        end(out)
        await stop()
      },
      cancel: stop,
    },
    { highWaterMark: 0 },
  )
}
