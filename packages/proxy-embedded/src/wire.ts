import { connect, type Socket } from 'node:net'
import type { CallOptions } from '@appaloft/core/spec'

/*
 * Between the daemon and its clients: a JSON object a line, both ways. Each question carries an `id` that its answer repeats, so answers
 * may overtake each other. Several times faster than HTTP, and each release waits for half a dozen calls. This much is the same in
 * every version of the protocol.
 */

export type Message = Record<string, unknown>

const longestLine = 8 * 1024 * 1024

function onLines(socket: Socket, take: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
    if (rest.length > longestLine) socket.destroy()
  })
}

function parse(line: string): Message | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Message) : null
  } catch {
    return null
  }
}

/** The daemon's side of a connection. `answer` gets null for a line that is no JSON object, and never throws. */
export function serveLines(socket: Socket, answer: (question: Message | null) => Promise<object>): void {
  socket.on('error', () => {})
  onLines(socket, (line) => {
    const question = parse(line)
    void answer(question).then((found) => {
      if (socket.writable) socket.write(`${JSON.stringify({ ...found, id: question?.id ?? null })}\n`)
      // Whoever speaks another language would only go on doing so.
      if (question === null) socket.end()
    })
  })
}

export class TimedOut extends Error {}

interface Waiting {
  resolve(answer: Message): void
  reject(error: Error): void
}

/** A client's side: connected by the first question, kept, and connected anew when it broke. Keeps no process alive while nobody waits. */
export class Wire {
  #open: { socket: Socket; waiting: Map<number, Waiting> } | null = null
  #last = 0

  constructor(readonly path: string) {}

  /** Rejects with the socket's error, the signal's reason or `TimedOut`. An answer that is not understood ends the connection. */
  ask(question: object, { signal, timeoutMs }: CallOptions & { timeoutMs: number }): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#open ??= this.#connect()
      const { socket, waiting } = this.#open
      this.#last += 1
      const id = this.#last
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        waiting.delete(id)
        if (waiting.size === 0) socket.unref()
      }
      const fail = (error: Error) => {
        settle()
        reject(error)
      }
      const abort = () => fail(signal!.reason)
      const timer = setTimeout(() => {
        fail(new TimedOut('No answer came in time.'))
        socket.destroy()
      }, timeoutMs)
      signal?.addEventListener('abort', abort, { once: true })
      waiting.set(id, {
        resolve: (answer) => {
          settle()
          resolve(answer)
        },
        reject: fail,
      })
      socket.ref()
      socket.write(`${JSON.stringify({ ...question, id })}\n`)
    })
  }

  close(): void {
    this.#open?.socket.destroy()
  }

  #connect() {
    const socket = connect(this.path)
    const waiting = new Map<number, Waiting>()
    const opened = { socket, waiting }
    let why: Error = Object.assign(new Error('The connection was closed.'), { code: 'ECONNRESET' })
    onLines(socket, (line) => {
      const answer = parse(line)
      if (typeof answer?.id === 'number') waiting.get(answer.id)?.resolve(answer)
      else socket.destroy(new Error('The answer cannot be read.'))
    })
    socket.on('error', (error) => {
      why = error
    })
    socket.on('close', () => {
      if (this.#open === opened) this.#open = null
      for (const one of [...waiting.values()]) one.reject(why)
    })
    // What is asked from now on needs a connection of its own.
    socket.on('end', () => {
      if (this.#open === opened) this.#open = null
    })
    return opened
  }
}
