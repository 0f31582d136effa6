import http from 'node:http'
import net from 'node:net'
import type { Address } from '@appaloft/core/spec'

export interface Question {
  /** The Host header. Default: none but what Node writes. */
  host?: string
  path?: string
  method?: string
  headers?: http.OutgoingHttpHeaders
  body?: string | Buffer
  agent?: http.Agent
}

export interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
  /** Names as they came, duplicates included. */
  rawHeaders: string[]
  trailers: Record<string, string | undefined>
  body: Buffer
}

const place = (address: Address) =>
  address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port }

export const connect = (address: Address): net.Socket =>
  address.kind === 'unix' ? net.connect(address.path) : net.connect(address.port, address.host)

/** A request that the caller writes and reads by itself. */
export function openRequest(address: Address, question: Question): http.ClientRequest {
  const { host, path = '/', method = 'GET', headers = {}, agent } = question
  return http.request({
    ...place(address),
    path,
    method,
    agent: agent ?? false,
    headers: { ...(host === undefined ? {} : { host }), ...headers },
  })
}

/** One request with its whole answer; rejects where the answer is cut, or nothing comes for 10 seconds. */
export function ask(address: Address, question: Question = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = openRequest(address, question)
    req.setTimeout(10_000, () => req.destroy(new Error('no answer within 10 seconds')))
    req.on('error', reject)
    req.on('response', (res) => {
      const chunks: Buffer[] = []
      res.on('error', reject)
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          rawHeaders: res.rawHeaders,
          trailers: res.trailers,
          body: Buffer.concat(chunks),
        }),
      )
    })
    req.end(question.body)
  })
}

/** An upgraded connection, as a client that knows no WebSocket library has it. */
export interface Tunnel {
  status: number
  /** Lower-case names. */
  headers: Record<string, string>
  socket: net.Socket
  /** Writes a text and waits for as many bytes in return. */
  echo(text: string): Promise<string>
  closed: Promise<void>
}

export async function openTunnel(address: Address, question: Question): Promise<Tunnel> {
  const socket = connect(address)
  const buffer = { text: '' }
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.setEncoding('latin1')
  socket.on('error', () => {})
  socket.on('data', (text: string) => {
    buffer.text += text
  })
  const { host = 'localhost', path = '/', headers = {} } = question
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGVzdGluZyB0dW5uZWxzIQ==\r\n${lines.join('')}\r\n`,
  )
  const take = async (enough: () => number): Promise<string> => {
    const deadline = performance.now() + 5_000
    for (;;) {
      const end = enough()
      if (end > 0) {
        const text = buffer.text.slice(0, end)
        buffer.text = buffer.text.slice(end)
        return text
      }
      if (socket.destroyed) throw new Error('the connection was closed')
      if (performance.now() > deadline) throw new Error('nothing came within 5 seconds')
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
  const head = await take(() => buffer.text.indexOf('\r\n\r\n') + 4 - (buffer.text.includes('\r\n\r\n') ? 0 : 3))
  const [first = '', ...rest] = head.trimEnd().split('\r\n')
  return {
    status: Number(first.split(' ')[1]),
    headers: Object.fromEntries(
      rest.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    ),
    socket,
    echo(text) {
      socket.write(text)
      return take(() => (buffer.text.length >= text.length ? text.length : 0))
    },
    closed,
  }
}

/** Writes bytes as they are and returns everything that comes until the connection ends or is quiet for `quietMs`. */
export function exchangeBytes(address: Address, bytes: string, quietMs = 300): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(address)
    let text = ''
    const done = () => {
      socket.destroy()
      resolve(text)
    }
    socket.setEncoding('latin1')
    socket.setTimeout(quietMs, done)
    socket.on('error', () => {})
    socket.on('close', done)
    socket.on('data', (data: string) => {
      text += data
    })
    socket.write(bytes, 'latin1')
  })
}
