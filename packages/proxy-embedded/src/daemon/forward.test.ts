import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address, Route, RouteTable } from '@appaloft/core/spec'
import { afterEach, expect, it } from 'vitest'
import { startProxyDaemon } from '../daemon.js'
import { embedded } from '../index.js'
import type { ProxyDaemonOptions } from './options.js'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const route: Route = { hostname: null, pathPrefix: '/', pathHandling: 'preserve', redirectTo: null, tls: 'off' }

/** A daemon that serves one resource on a port of its own from these addresses. */
async function serve(addresses: Address[], options: Partial<ProxyDaemonOptions> = {}, rest: Partial<RouteTable> = {}) {
  const stateDir = await mkdtemp(join(tmpdir(), 'appaloft-proxy-'))
  const daemon = await startProxyDaemon({ stateDir, ...options })
  const proxy = embedded()
  await proxy.open!({ stateDir })
  ends.push(async () => {
    await proxy.close!()
    await daemon.close({ graceMs: 0 })
    await rm(stateDir, { recursive: true, force: true })
  })
  const table = (list: Address[], deploymentId = 'dep_one'): RouteTable => ({
    routes: [route],
    live: list.length === 0 ? null : { deploymentId, releaseId: 'rel_one', addresses: list },
    staged: null,
    verify: null,
    identity: 'always',
    ...rest,
  })
  await proxy.apply('res_a', table(addresses), 1)
  const { publicPort: port } = await proxy.endpoint('res_a')
  return { port, proxy, table }
}

type Server = http.Server | net.Server
async function listen(server: Server, at?: string): Promise<Address> {
  await new Promise<void>((resolve) =>
    at === undefined ? server.listen(0, '127.0.0.1', resolve) : server.listen(at, resolve),
  )
  ends.push(() => {
    if (server instanceof http.Server) server.closeAllConnections()
    server.close()
  })
  return at === undefined
    ? { kind: 'tcp', host: '127.0.0.1', port: (server.address() as AddressInfo).port }
    : { kind: 'unix', path: at }
}

/** A server of bytes: for each connection a function that is told what came. */
function rawServer(answer: (socket: net.Socket, text: string, connection: number) => void): net.Server {
  let connections = 0
  return net.createServer((socket) => {
    const number = connections++
    ends.push(() => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', (data) => answer(socket, data.toString('latin1'), number))
  })
}

async function bytes(port: number, text: string, until: (received: string) => boolean = () => false): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  ends.push(() => socket.destroy())
  let received = ''
  socket.on('error', () => {})
  socket.setEncoding('latin1')
  socket.write(text, 'latin1')
  const deadline = performance.now() + 3_000
  socket.on('data', (data: string) => {
    received += data
  })
  while (!until(received) && !socket.destroyed && performance.now() < deadline) await sleep(5)
  socket.destroy()
  return received
}

const head = (name: string, length: number) =>
  `HTTP/1.1 200 OK\r\nX-Upstream: ${name}\r\nContent-Length: ${length}\r\n\r\n`
const request = (method: string, rest = '') => `${method} / HTTP/1.1\r\nHost: a\r\n${rest}\r\n`

it('asks again where an idle connection was closed at the moment of its reuse, once, for methods that may be repeated', async () => {
  const seen: string[] = []
  const upstream = rawServer((socket, text, connection) => {
    seen.push(`${connection} ${text.slice(0, 4).trim()}`)
    // Each connection answers once; what comes after is met by its end.
    if (seen.filter((one) => one.startsWith(`${connection} `)).length > 1) return void socket.resetAndDestroy()
    socket.write(head('raw', 0))
  })
  const { port } = await serve([await listen(upstream)])
  const get = () => bytes(port, request('GET'), (text) => text.includes('\r\n\r\n'))
  expect(await get()).toContain('200 OK')
  expect(await get()).toContain('200 OK')
  expect(seen).toEqual(['0 GET', '0 GET', '1 GET'])
  const post = (body: string) =>
    bytes(port, `${request('POST', `Content-Length: ${body.length}\r\n`)}${body}`, (text) => text.includes('\r\n\r\n'))
  for (const body of ['', 'body']) {
    expect(await post(body)).toContain('502 Bad Gateway')
    expect(await post(body)).toContain('200 OK')
  }
  expect(seen.slice(3)).toEqual(['1 POST', '2 POST', '2 POST', '3 POST'])
})

it('does not ask again on a connection that was new', async () => {
  let connections = 0
  const upstream = rawServer((socket, _text, connection) => {
    connections = connection + 1
    socket.destroy()
  })
  const { port } = await serve([await listen(upstream)])
  const answer = await bytes(port, request('GET'), (text) => text.includes('answer.'))
  expect(answer).toContain('502 Bad Gateway')
  expect(answer).toContain('x-appaloft-deployment: dep_one')
  expect(connections).toBe(1)
})

it('leaves a slow answer alone, however long an idle connection is kept', async () => {
  const upstream = http.createServer((_req, res) => {
    res.writeHead(200, { 'keep-alive': 'timeout=1' })
    setTimeout(() => res.end('late'), 1_300)
  })
  const { port } = await serve([await listen(upstream)])
  const answer = await fetch(`http://127.0.0.1:${port}/`)
  expect(await answer.text()).toBe('late')
})

it('gives up on an answer that does not begin within the header timeout, and lets one that began go on', async () => {
  const upstream = http.createServer((req, res) => {
    if (req.url === '/never') return
    res.write('begun')
    setTimeout(() => res.end(), 300)
  })
  const { port } = await serve([await listen(upstream)], { headerTimeoutMs: 100 })
  const never = await fetch(`http://127.0.0.1:${port}/never`)
  expect(never.status).toBe(504)
  expect(never.headers.get('x-appaloft-deployment')).toBe('dep_one')
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('begun')
})

it('reaches upstreams on unix sockets', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-upstream-'))
  ends.push(() => rm(folder, { recursive: true, force: true }))
  const upstream = http.createServer((req, res) => res.end(`unix ${req.headers.host}`))
  const { port } = await serve([await listen(upstream, join(folder, 'app.sock'))])
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe(`unix 127.0.0.1:${port}`)
})

it('serves clients of HTTP/1.0, which send no Host and understand no chunks', async () => {
  const upstream = http.createServer((_req, res) => {
    res.write('one')
    res.end('two')
  })
  const { port } = await serve([await listen(upstream)])
  const answer = await bytes(port, 'GET / HTTP/1.0\r\n\r\n', () => false)
  expect(answer).toContain('200 OK')
  expect(answer.endsWith('\r\n\r\nonetwo')).toBe(true)
})

it('passes header values beyond ASCII on unchanged, both ways', async () => {
  const upstream = http.createServer((req, res) => {
    res.writeHead(200, ['X-Back', req.headers['x-there'] as string])
    res.write(Buffer.alloc(0))
    setTimeout(() => res.end('now'), 50)
  })
  const { port } = await serve([await listen(upstream)])
  const there = Buffer.from('café', 'utf8').toString('latin1')
  const answer = await bytes(port, request('GET', `X-There: ${there}\r\n`), (text) => text.includes('now'))
  expect(answer).toContain(`X-Back: ${there}\r\n`)
})

it('reads absolute request targets, whose host goes before the header', async () => {
  const upstream = http.createServer((req, res) => res.end(`${req.headers.host} ${req.url}`))
  const { port } = await serve([await listen(upstream)])
  const answer = await bytes(
    port,
    'GET http://other.example.test/x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    (text) => text.includes('/x?y'),
  )
  expect(answer).toContain('other.example.test /x?y')
})

it('answers requests that offer HTTP/2 without TLS as what they are, with their bodies', async () => {
  const upstream = http.createServer((req, res) => {
    const headers = JSON.stringify(req.headers)
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => res.end(`${Buffer.concat(chunks)} ${headers}`))
  })
  const { port } = await serve([await listen(upstream)])
  const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'
  for (const method of ['GET', 'POST']) {
    const body = method === 'POST' ? 'body' : ''
    const framing = method === 'POST' ? 'Transfer-Encoding: chunked\r\n' : ''
    const sent = method === 'POST' ? '4\r\nbody\r\n0\r\n\r\n' : ''
    const answer = await bytes(port, request(method, offer + framing) + sent, (text) => text.includes('}'))
    expect(answer).toContain('200 OK')
    expect(answer).toContain(`${body} {`)
    expect(answer).not.toContain('h2c')
  }
})

it('answers an upgrade that the upstream refuses, and one whose upstream is dead', async () => {
  const upstream = http.createServer((_req, res) => res.writeHead(426).end('no upgrade here'))
  const address = await listen(upstream)
  const { port, proxy, table } = await serve([address])
  const ask = () => bytes(port, request('GET', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
  const refused = await ask()
  expect(refused).toContain('426 Upgrade Required')
  expect(refused).toContain('no upgrade here')
  expect(refused).toContain('x-appaloft-deployment: dep_one')
  upstream.close()
  upstream.closeAllConnections()
  const dead = await ask()
  expect(dead).toContain('502 Bad Gateway')
  expect(dead).toContain('x-appaloft-deployment: dep_one')
  await proxy.apply('res_a', table([]), 1)
  expect(await ask()).toContain('503 Service Unavailable')
})

it('closes idle connections to an upstream set that was replaced, and keeps the others', async () => {
  const connections = new Map<string, number>()
  const upstream = (name: string) => {
    const server = http.createServer((_req, res) => res.end(name))
    server.on('connection', (socket) => {
      connections.set(name, (connections.get(name) ?? 0) + 1)
      socket.once('close', () => connections.set(name, connections.get(name)! - 1))
    })
    return listen(server)
  }
  const [a, b] = [await upstream('a'), await upstream('b')]
  const { port, proxy, table } = await serve([a])
  await (await fetch(`http://127.0.0.1:${port}/`)).text()
  expect(connections.get('a')).toBe(1)
  await proxy.apply('res_a', table([b], 'dep_two'), 1)
  await (await fetch(`http://127.0.0.1:${port}/`)).text()
  for (let i = 0; connections.get('a') !== 0 && i < 100; i++) await sleep(5)
  expect(Object.fromEntries(connections)).toEqual({ a: 0, b: 1 })
})

it('passes an early answer on while the body still comes, and keeps the connection usable', async () => {
  const upstream = http.createServer((_req, res) => res.writeHead(413).end('too large'))
  const { port } = await serve([await listen(upstream)])
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  ends.push(() => agent.destroy())
  const req = http.request({ port, method: 'POST', agent, headers: { 'content-length': 4_000_000 } })
  req.on('error', () => {})
  req.write(Buffer.alloc(1_000_000))
  const [res] = (await once(req, 'response')) as [http.IncomingMessage]
  expect(res.statusCode).toBe(413)
  res.resume()
  await once(res, 'end')
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(413)
})

it('replaces what strangers say about forwarding only where they are strangers', async () => {
  const upstream = http.createServer((req, res) => res.end(JSON.stringify(req.headers)))
  const { port } = await serve([await listen(upstream)])
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    headers: {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'shop.example.test',
    },
  })
  expect(await answer.json()).toMatchObject({
    'x-forwarded-for': '203.0.113.9, 127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'shop.example.test',
  })
})

it('refuses what it cannot pass on', async () => {
  const upstream = http.createServer((_req, res) => res.end('reached'))
  const { port } = await serve([await listen(upstream)])
  const status = async (text: string) =>
    /^HTTP\/1\.1 (\d+)/.exec(await bytes(port, text, (got) => got.includes('\r\n\r\n')))?.[1]
  expect(await status(request('GET', 'Host: b\r\n'))).toBe('400')
  expect(await status('GET nonsense HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('400')
  expect(await status(request('POST', 'Transfer-Encoding: gzip, chunked\r\n'))).toBe('501')
})

it('forgets pipelined requests of a client that left, those included that were not answered yet', async () => {
  const upstream = http.createServer(() => {})
  const { port, proxy } = await serve([await listen(upstream)])
  const count = async () => (await proxy.observe('res_a')).inFlight[0]?.count
  const socket = net.connect(port, '127.0.0.1')
  ends.push(() => socket.destroy())
  socket.write(request('GET').repeat(3))
  await expect.poll(count).toBe(3)
  socket.destroy()
  await expect.poll(count).toBe(0)
})

it('redirects to the port that was asked, and to nothing else that a Host header says', async () => {
  const routes = [{ ...route, redirectTo: 'new.example.test' }]
  const { port } = await serve([], {}, { routes })
  const location = async (host: string) =>
    /^location: (.*)$/im
      .exec(await bytes(port, `GET /x?y HTTP/1.1\r\nHost: ${host}\r\n\r\n`, (got) => got.includes('\r\n\r\n')))?.[1]
      ?.trim()
  expect(await location('old.example.test:8080')).toBe('http://new.example.test:8080/x?y')
  expect(await location('old.example.test')).toBe('http://new.example.test/x?y')
  expect(await location('old.example.test:80@evil.example.test')).toBe('http://new.example.test/x?y')
})
