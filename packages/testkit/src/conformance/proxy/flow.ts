import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { ConformanceCase } from '../suite.js'
import { openRequest } from './http.js'
import { hostname, type ProxyFactory, proxyCase, until, type World } from './world.js'

const start = async (world: World, question: Parameters<typeof openRequest>[1] = {}) => {
  const req = openRequest((await world.endpoint()).address, { host: hostname, ...question })
  const closed = new Promise<void>((resolve) => req.once('close', () => resolve()))
  req.on('error', () => {})
  return { req, closed }
}

const digest = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

/** Bodies on their way: whole, as they come, no faster than they are read, and what becomes of them where one side goes. */
export const flowCases: ConformanceCase<ProxyFactory>[] = [
  proxyCase('http.large-bodies', 'Large bodies arrive whole, both ways.', [], async (world) => {
    const data = randomBytes(3 * 1024 * 1024)
    const a = await world.upstream('a', (req, res) => void req.pipe(res))
    await world.serve(a)
    for (const headers of [{ 'content-length': data.length }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await world.ask({ method: 'POST', headers, body: data })
      assert.equal(digest(answer.body), digest(data))
    }
  }),

  proxyCase(
    'http.slow-reader',
    'Who reads slowly slows the writer down; nothing is piled up between.',
    [],
    async (world) => {
      const total = 64 * 1024 * 1024
      const down = { written: 0, read: 0 }
      const up = { written: 0, read: 0 }
      let readOn: () => void = () => {}
      const a = await world.upstream('a', (req, res) => {
        if (req.method === 'HEAD') return void res.end()
        if (req.method === 'GET') {
          res.writeHead(200, { 'content-length': total })
          writeSlowly(res, total, down)
          return
        }
        req.pause()
        readOn = () => {
          req.on('data', (chunk: Buffer) => {
            up.read += chunk.length
          })
          req.on('end', () => res.end())
          req.resume()
        }
      })
      await world.serve(a)

      const get = await start(world)
      get.req.end()
      const [res] = (await withTimeout(once(get.req, 'response'))) as [IncomingMessage]
      await standsStill(down)
      assert.ok(down.written < total * 0.75, `${down.written} bytes of an answer that nobody reads`)
      res.on('data', (chunk: Buffer) => {
        down.read += chunk.length
      })
      await until('the whole answer is read', () => down.read === total, 20_000)
      assert.equal((await world.ask({ method: 'HEAD' })).status, 200, 'the next request is served')

      const post = await start(world, { method: 'POST', headers: { 'content-length': total } })
      writeSlowly(post.req, total, up)
      await standsStill(up)
      assert.ok(up.written < total * 0.75, `${up.written} bytes of a body that nobody reads`)
      readOn()
      await until('the whole body is read', () => up.read === total, 20_000)
      post.req.destroy()
    },
  ),

  proxyCase('http.streamed-answer', 'What an upstream writes arrives before it writes more.', [], async (world) => {
    let release: () => void = () => {}
    const a = await world.upstream('a', (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.flushHeaders()
      res.write('one')
      release = () => res.end('two')
    })
    await world.serve(a)
    const { req } = await start(world)
    req.end()
    const [res] = (await withTimeout(once(req, 'response'))) as [IncomingMessage]
    const [first] = (await withTimeout(once(res, 'data'))) as [Buffer]
    assert.equal(first.toString(), 'one')
    release()
    const [second] = (await withTimeout(once(res, 'data'))) as [Buffer]
    assert.equal(second.toString(), 'two')
  }),

  proxyCase('http.head-before-body', 'The head of an answer arrives before its body exists.', [], async (world) => {
    let release: () => void = () => {}
    const a = await world.upstream('a', (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.flushHeaders()
      release = () => res.end()
    })
    await world.serve(a)
    const { req } = await start(world)
    req.end()
    const [res] = (await withTimeout(once(req, 'response'))) as [IncomingMessage]
    assert.equal(res.statusCode, 200)
    release()
  }),

  proxyCase(
    'http.streamed-request',
    'What a client writes reaches the upstream before it writes more.',
    [],
    async (world) => {
      const chunks: string[] = []
      const a = await world.upstream('a', (req, res) => {
        req.on('data', (chunk: Buffer) => chunks.push(chunk.toString()))
        req.on('end', () => res.end('done'))
      })
      await world.serve(a)
      const { req } = await start(world, { method: 'POST' })
      req.write('one')
      await until('the first chunk reaches the upstream', () => chunks.join('') === 'one')
      req.end('two')
      await withTimeout(once(req, 'response'))
      assert.equal(chunks.join(''), 'onetwo')
    },
  ),

  proxyCase(
    'http.expect-continue',
    'A client that waits for 100 Continue gets it, and then its answer.',
    [],
    async (world) => {
      await world.serve(await world.upstream('a'))
      const headers = { expect: '100-continue', 'content-length': 4 }
      const { req } = await start(world, { method: 'POST', headers })
      req.flushHeaders()
      await withTimeout(once(req, 'continue'))
      req.end('body')
      const [res] = (await withTimeout(once(req, 'response'))) as [IncomingMessage]
      assert.equal(res.statusCode, 200)
      res.resume()
    },
  ),

  proxyCase('http.trailers', 'Trailers are passed on, both ways.', ['trailers'], async (world) => {
    const a = await world.upstream('a', (req, res) => {
      req.resume()
      req.on('end', () => {
        res.writeHead(200, { trailer: 'x-sum' })
        res.write('body')
        res.addTrailers({ 'x-sum': String(req.trailers['x-sum']) })
        res.end()
      })
    })
    await world.serve(a)
    const { req } = await start(world, {
      method: 'POST',
      headers: { trailer: 'x-sum', 'transfer-encoding': 'chunked' },
    })
    req.write('body')
    req.addTrailers({ 'x-sum': '42' })
    req.end()
    const [res] = (await withTimeout(once(req, 'response'))) as [IncomingMessage]
    res.resume()
    await withTimeout(once(res, 'end'))
    assert.equal(res.trailers['x-sum'], '42')
  }),

  proxyCase(
    'http.cut-answer',
    'An upstream that dies amid its answer leaves no client waiting, and none deceived.',
    [],
    async (world) => {
      const a = await world.upstream('a', (_req, res) => {
        res.writeHead(200)
        res.write('part')
        setTimeout(() => res.socket?.destroy(), 20)
      })
      await world.serve(a)
      await assert.rejects(withTimeout(world.ask()), /aborted|ECONNRESET|hang up/, 'a cut answer is an error')
    },
  ),

  proxyCase('http.client-leaves', 'A client that goes away takes its request with it.', [], async (world) => {
    let gone = false
    let came = false
    const a = await world.upstream('a', (req) => {
      came = true
      req.socket.once('close', () => {
        gone = true
      })
    })
    await world.serve(a)
    const { req } = await start(world)
    req.end()
    await until('the request reaches the upstream', () => came)
    req.destroy()
    await until('the upstream hears of it', () => gone)
  }),
]

function writeSlowly(to: import('node:stream').Writable, total: number, count: { written: number }): void {
  const chunk = Buffer.alloc(64 * 1024)
  const more = () => {
    while (count.written < total) {
      count.written += chunk.length
      if (!to.write(chunk)) return void to.once('drain', more)
    }
    to.end()
  }
  more()
}

/** Waits until nothing more is written. */
async function standsStill(count: { written: number }): Promise<void> {
  for (let before = -1; before !== count.written; ) {
    before = count.written
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

async function withTimeout<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came within 3 seconds')), 3_000)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
