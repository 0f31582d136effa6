import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { EngineClient, EngineError, EngineUnreachable } from './client.js'
import { Engine } from './engine.js'

let folder = ''
let server: Server
let client: EngineClient
const sockets = new Set<Socket>()
/** How many connections there were. */
let connections = 0
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-ordered-'))
  connections = 0
})
afterEach(() => {
  client.close()
  for (const one of sockets) one.destroy()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

async function listening(made: Server): Promise<EngineClient> {
  server = made
  const path = join(folder, 'sock')
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)))
  })
  server.listen(path)
  await once(server, 'listening')
  client = new EngineClient({ kind: 'unix', path, environment: {} })
  return client
}
const serving = (listener: RequestListener) => listening(createHttpServer(listener))

/** Told of each request by its first line; what it returns is sent. */
const speaking = (answer: (line: string, socket: Socket) => string | undefined) =>
  listening(
    createServer((socket) => {
      let text = ''
      socket.on('data', (data) => {
        text += String(data)
        for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
          const bytes = answer(text.slice(0, text.indexOf('\r\n')), socket)
          text = text.slice(end + 4)
          if (bytes !== undefined && !socket.destroyed) socket.write(bytes)
        }
      })
    }),
  )
const told = (text: string, more = '') =>
  `HTTP/1.1 200 OK\r\n${more}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
const reasonsOf = (results: readonly PromiseSettledResult<unknown>[]) =>
  results.map((one) => (one.status === 'fulfilled' ? one.value : one.reason))

it('sends all before the first is answered, in the order in which they were called, over one connection', async () => {
  const seen: string[] = []
  let answerFirst = () => {}
  await serving((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    const answer = () => response.end(request.url)
    if (seen.length === 1) answerFirst = answer
    // The first one waits for the last one; those between are ready long before it.
    else if (seen.length === 4) setTimeout(() => answerFirst(), 20)
    if (seen.length > 1) setTimeout(answer, 10 / seen.length)
  })
  const answers = await client.inOrder((calls) =>
    Promise.all([
      calls.text('/one', { method: 'POST', body: { a: 'ü' } }),
      calls.text('/two'),
      calls.text('/three', { method: 'DELETE' }),
      calls.text('/four', { method: 'PUT', body: Buffer.alloc(200_000) }),
    ]),
  )
  expect(answers).toEqual(['/one', '/two', '/three', '/four'])
  expect(seen).toEqual(['POST /one', 'GET /two', 'DELETE /three', 'PUT /four'])
  expect(connections).toBe(1)
})

it('what is refused, or has no body, holds up none behind it', async () => {
  await serving((request, response) => {
    if (request.url === '/gone') return response.writeHead(404).end('{"message":"No such container: x"}')
    if (request.url === '/so') return response.writeHead(304).end()
    if (request.url === '/done') return response.writeHead(204).end()
    if (request.method === 'HEAD') return response.writeHead(200, { 'content-length': '900' }).end()
    response.write('in ')
    return response.end('pieces')
  })
  const answers = await client.inOrder((calls) =>
    Promise.allSettled([
      calls.text('/gone'),
      calls.text('/so', { method: 'POST' }),
      calls.text('/head', { method: 'HEAD' }),
      calls.text('/done', { method: 'POST' }),
      calls.text('/last'),
    ]),
  )
  const [refused, ...others] = reasonsOf(answers)
  expect(refused).toBeInstanceOf(EngineError)
  expect(refused).toMatchObject({ status: 404, message: 'No such container: x' })
  expect(others).toEqual(['', '', '', 'in pieces'])
})

it('a connection cut at any byte fails what was not answered, and repeats nothing', async () => {
  const whole = `${told('one')}HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n${told('three')}`
  const ends = [told('one').length, whole.indexOf(told('three'))]
  let seen: string[] = []
  let at = 0
  await speaking((line, socket) => {
    seen.push(line)
    if (seen.length === 3) socket.end(whole.slice(0, at))
    return undefined
  })
  for (; at < whole.length; at += 1) {
    seen = []
    const results = await client.inOrder((calls) =>
      Promise.allSettled([calls.text('/one'), calls.text('/two', { method: 'POST' }), calls.text('/three')]),
    )
    const expected = ['one', 'two'].filter((_, index) => at >= (ends[index] ?? 0))
    const found = reasonsOf(results)
    expect(found.slice(0, expected.length), `cut at ${at}`).toEqual(expected)
    for (const one of found.slice(expected.length)) expect(one, `cut at ${at}`).toBeInstanceOf(EngineUnreachable)
    // A repeated one would come over another connection.
    await new Promise((resolve) => setImmediate(resolve))
    expect(seen, `cut at ${at}`).toHaveLength(3)
  }
  expect(connections).toBe(whole.length)
})

it('answers are read wherever their bytes are cut', async () => {
  await speaking((line, socket) => {
    const answer = line.includes('last')
      ? told('end', 'connection: close\r\n')
      : `HTTP/1.1 100 Continue\r\n\r\n${told(line)}`
    const bytes = [...answer]
    const next = () => {
      const byte = bytes.shift()
      if (byte !== undefined) socket.write(byte, () => setImmediate(next))
    }
    next()
    return undefined
  })
  expect(await client.inOrder((calls) => calls.text('/a'))).toBe('GET /a HTTP/1.1')
  expect(await client.inOrder((calls) => calls.text('/b'))).toBe('GET /b HTTP/1.1')
  expect(connections).toBe(1)
  // What the engine gives up is not used again.
  expect(await client.inOrder((calls) => calls.text('/last'))).toBe('end')
  expect(await client.inOrder((calls) => calls.text('/c'))).toBe('GET /c HTTP/1.1')
  expect(connections).toBe(2)
})

it('who comes while another uses it has a connection of its own; it is kept for the next', async () => {
  await serving((request, response) => response.end(request.url))
  await client.inOrder(async (calls) => {
    expect(await client.inOrder((others) => others.text('/inner'))).toBe('/inner')
    expect(await calls.text('/outer')).toBe('/outer')
    await client.inOrder((others) => others.text('/again'))
    expect(await calls.text('/outer')).toBe('/outer')
  })
  expect(connections).toBe(2)
})

it('one that is still answering when its user has ended is used by nobody else', async () => {
  let answer = () => {}
  await serving((request, response) => {
    if (request.url === '/slow') answer = () => response.end('slow')
    else response.end('quick')
  })
  let slow: Promise<string> | undefined
  await client.inOrder(async (calls) => {
    slow = calls.text('/slow')
  })
  expect(await client.inOrder((calls) => calls.text('/quick'))).toBe('quick')
  answer()
  expect(await slow).toBe('slow')
  expect(connections).toBe(2)
  // Later it is as any other: of one user alone, until that one has ended.
  await client.inOrder(() =>
    client.inOrder(async (calls) => {
      await calls.text('/quick')
      expect(connections).toBe(2)
      await client.inOrder((others) => others.text('/quick'))
      expect(connections).toBe(3)
    }),
  )
})

it('an abort has its reason, and leaves alone what others wait for', async () => {
  const lines: string[] = []
  let socket: Socket | undefined
  await speaking((line, from) => {
    lines.push(line)
    socket = from
    return undefined
  })
  const control = new AbortController()
  const reason = new Error('enough')
  await client.inOrder(async (calls) => {
    const first = calls.text('/first', { signal: control.signal })
    const second = calls.text('/second')
    while (lines.length < 2) await new Promise((resolve) => setTimeout(resolve, 1))
    control.abort(reason)
    await expect(first).rejects.toBe(reason)
    await expect(calls.text('/late', { signal: control.signal })).rejects.toBe(reason)
    socket?.write(told('1') + told('2'))
    expect(await second).toBe('2')
    const other = new AbortController()
    const third = calls.text('/third', { signal: other.signal })
    while (lines.length < 3) await new Promise((resolve) => setTimeout(resolve, 1))
    const closed = once(socket as Socket, 'close')
    other.abort(reason)
    await expect(third).rejects.toBe(reason)
    // Nobody waits for anything: the engine learns it.
    await closed
    await expect(calls.text('/none')).rejects.toBeInstanceOf(EngineUnreachable)
  })
  expect(lines.map((line) => line.split(' ')[1])).toEqual(['/first', '/second', '/third'])
})

it('nobody there, and what is no answer, are told as an engine that does not answer', async () => {
  client = new EngineClient({ kind: 'unix', path: join(folder, 'none'), environment: {} })
  await expect(client.inOrder((calls) => calls.text('/x'))).rejects.toMatchObject({ systemCode: 'ENOENT' })
  await speaking(() => 'SSH-2.0-OpenSSH_9.6\r\n')
  await expect(client.inOrder((calls) => calls.text('/x'))).rejects.toBeInstanceOf(EngineUnreachable)
})

it('no name ends a line of a request', async () => {
  const seen: string[] = []
  await speaking((line) => {
    seen.push(line)
    return told('{}')
  })
  const engine = new Engine(client.address, client)
  await engine.inOrder(async (ordered) => {
    await expect(ordered.container('x HTTP/1.1\r\nhost: y\r\n\r\nDELETE /containers/y')).rejects.toBeInstanceOf(
      TypeError,
    )
    await expect(ordered.distribution('x', { 'X-Registry-Auth': 'a\r\nb: c' })).rejects.toBeInstanceOf(TypeError)
    await ordered.stop('x', 1)
  })
  expect(seen).toEqual(['POST /containers/x/stop?t=1 HTTP/1.1'])
})
