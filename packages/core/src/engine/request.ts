import { request } from 'node:http'
import { connect } from 'node:net'
import type { Address } from '../spec/proxy.js'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  /** The first 64 KiB. */
  body: string
}

const bodyLimit = 64 * 1024

/** One HTTP request to an address, on a connection of its own: a probe must not be answered by a kept-alive connection of former times. */
export function ask(
  address: Address,
  options: { path: string; method?: string; headers?: Record<string, string>; timeoutMs: number; signal?: AbortSignal },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const at = address.kind === 'tcp' ? { host: address.host, port: address.port } : { socketPath: address.path }
    const { signal } = options
    const call = request(
      {
        ...at,
        path: options.path,
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        agent: false,
        ...(signal ? { signal } : {}),
      },
      (response) => {
        const parts: Buffer[] = []
        let size = 0
        const done = () => {
          clearTimeout(timer)
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts).toString('utf8'),
          })
        }
        response.on('data', (part: Buffer) => {
          if (size < bodyLimit) parts.push(part)
          size += part.length
          if (size >= bodyLimit) {
            done()
            response.destroy()
          }
        })
        response.on('end', done)
        response.on('error', reject)
      },
    )
    const timer = setTimeout(
      () => call.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })),
      options.timeoutMs,
    )
    call.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    call.end()
  })
}

/** Does something accept connections there? */
export function dial(address: Address, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = address.kind === 'tcp' ? connect(address.port, address.host) : connect(address.path)
    const timer = setTimeout(() => socket.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })), timeoutMs)
    socket.on('connect', () => {
      clearTimeout(timer)
      socket.destroy()
      resolve()
    })
    socket.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
  })
}
