import { connect, createServer, type Server } from 'node:net'
import { isRecord, type JsonRecord } from './files.js'

/*
 * How the processes of a state folder talk: over a unix socket, one question and one answer a connection, each a JSON object that its
 * side's end of the connection ends. A release waits for these calls, and HTTP would take twice the time.
 */

const longest = 16 * 1024 * 1024

/** Rejects where nobody answers, with the signal's reason when aborted; `timeoutMs` is counted while nothing comes. */
export function ask(
  path: string,
  question: object,
  { signal, timeoutMs }: { signal?: AbortSignal | undefined; timeoutMs: number },
): Promise<JsonRecord> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true })
    const abort = () => {
      reject(signal?.reason)
      socket.destroy()
    }
    let text = ''
    signal?.addEventListener('abort', abort, { once: true })
    socket.setEncoding('utf8')
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer came in time')))
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('end', () => {
      const answer = parse(text)
      if (answer === null) reject(new Error('the answer cannot be read'))
      else resolve(answer)
      socket.destroy()
    })
    socket.on('close', () => {
      signal?.removeEventListener('abort', abort)
      reject(new Error('the connection was closed'))
    })
    socket.end(JSON.stringify(question))
  })
}

/** A server for such questions. `answer` gets null for one that is no JSON object, and never throws. */
export function answering(answer: (question: JsonRecord | null) => Promise<object>): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: string) => {
      text += chunk
      if (text.length > longest) socket.destroy()
    })
    socket.on('end', () => {
      // Who asked may have gone: what was asked is done all the same, as every call may be repeated.
      void answer(parse(text)).then((value) => socket.end(JSON.stringify(value)))
    })
  })
}

function parse(text: string): JsonRecord | null {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}
