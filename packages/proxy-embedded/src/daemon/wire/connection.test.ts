import net, { type AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { UpstreamConnection } from './connection.js'

const ends: (() => unknown)[] = []
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end()
})

/** A connection to a server that answers each request as it is told, and what its pool was given. */
async function connect(answer: (socket: net.Socket, text: string) => void) {
  const server = net.createServer((socket) => {
    ends.push(() => socket.destroy())
    socket.on('data', (data) => answer(socket, data.toString()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => server.close())
  const pool = { given: 0, forgotten: 0, give: () => void pool.given++, forget: () => void pool.forgotten++ }
  const connection = new UpstreamConnection(net.connect((server.address() as AddressInfo).port, '127.0.0.1'), pool)
  ends.push(() => connection.destroy())
  return { connection, pool }
}

/** Makes one request; resolves with what came of it. `pauses`: reads slowly, as where a client is slow. */
function ask(connection: UpstreamConnection, { pauses = false, whole = true } = {}): Promise<string> {
  return new Promise((resolve) => {
    let body = ''
    connection.begin(
      {
        onConnected: () =>
          whole ? connection.sendWhole('GET / HTTP/1.1\r\n\r\n') : connection.sendHead('POST /\r\n\r\n'),
        onInformation: () => {},
        onHead: () => {},
        onData: (chunk) => {
          body += chunk.toString()
          if (pauses) connection.pause()
        },
        onEnd: () => resolve(body),
        onFed: () => {},
        onDrain: () => {},
        onFailed: (error) => resolve(`failed: ${error.code}`),
      },
      'GET',
      false,
    )
  })
}

const hello = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'

it('serves one request after the other, also where the last was held back at its end', async () => {
  const { connection, pool } = await connect((socket) => socket.write(hello))
  for (const pauses of [false, true, false]) expect(await ask(connection, { pauses })).toBe('hello')
  expect(pool).toMatchObject({ given: 3, forgotten: 0 })
  expect(connection.reused).toBe(true)
})

it('is not used again after an answer that came before the request was whole', async () => {
  const { connection, pool } = await connect((socket) => socket.write(hello))
  expect(await ask(connection, { whole: false })).toBe('hello')
  expect(pool).toMatchObject({ given: 0, forgotten: 1 })
})

it('is not used again where the upstream says more than it was asked', async () => {
  const { connection, pool } = await connect((socket) => socket.write(hello + hello))
  expect(await ask(connection)).toBe('hello')
  expect(pool).toMatchObject({ given: 0, forgotten: 1 })

  let other: net.Socket | undefined
  const late = await connect((socket) => {
    other = socket
    socket.write(hello)
  })
  expect(await ask(late.connection)).toBe('hello')
  other!.write('HTTP/1.1 408 Request Timeout\r\n\r\n')
  await expect.poll(() => late.pool.forgotten).toBe(1)
})

it('tells a request once that its connection ended, and nothing after', async () => {
  const { connection, pool } = await connect((socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello'),
  )
  expect(await ask(connection)).toBe('failed: ECONNRESET')
  expect(connection.heard).toBe(true)
  expect(pool).toMatchObject({ given: 0, forgotten: 1 })
})
