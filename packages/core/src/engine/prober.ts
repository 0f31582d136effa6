import type { ProbeAnswer, ProbeRequest, Prober } from '../spec/prober.js'
import type { Address } from '../spec/proxy.js'

const bodyLimit = 64 * 1024

/** One HTTP request to an address, on a connection of its own: a probe must not be answered by a kept-alive connection of former times. */
async function ask(address: Address, options: ProbeRequest): Promise<ProbeAnswer> {
  const { request } = await import('node:http')
  return new Promise((resolve, reject) => {
    const at = address.kind === 'tcp' ? { host: address.host, port: address.port } : { socketPath: address.path }
    const { signal } = options
    const call = request(
      {
        ...at,
        path: options.path,
        method: options.method ?? 'GET',
        headers: { ...options.headers },
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
async function dial(
  address: Address,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
): Promise<void> {
  const { connect } = await import('node:net')
  return new Promise((resolve, reject) => {
    const socket = address.kind === 'tcp' ? connect(address.port, address.host) : connect(address.path)
    const expire = () => socket.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' }))
    const timer = setTimeout(expire, timeoutMs)
    const onAbort = () => socket.destroy(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.on('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.on('error', reject)
    socket.on('close', () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    })
  })
}

/** Over sockets of this machine. The modules are loaded when something is asked: who only imports the engine pays for none. */
export const socketProber = (): Prober => ({
  request: ask,
  dial,
  lookup: async (hostname) => (await (await import('node:dns/promises')).lookup(hostname)).address,
})
