import assert from 'node:assert/strict'
import type { ConformanceCase } from '../suite.js'
import { exchangeBytes } from './http.js'
import { headerValues } from './upstream.js'
import { dep, hostname, type ProxyFactory, proxyCase } from './world.js'

/** What HTTP asks of whoever stands in the middle: heads of messages, and where they end. */
export const messageCases: ConformanceCase<ProxyFactory>[] = [
  proxyCase('http.hop-by-hop', 'Headers meant for one connection go no further, either way.', [], async (world) => {
    const echo = await world.upstream('a', (req, res) => {
      res.writeHead(200, [
        ...['Connection', 'X-Listed', 'X-Listed', 'gone', 'Proxy-Connection', 'keep-alive', 'Keep-Alive', 'timeout=99'],
        ...['X-Kept', 'kept', 'X-Seen', JSON.stringify(req.rawHeaders), 'Content-Length', '0'],
      ])
      res.end()
    })
    await world.serve(echo)
    const answer = await world.ask({
      headers: { connection: 'x-secret', 'x-secret': 'gone', te: 'gzip', 'proxy-connection': 'x', 'x-kept': 'kept' },
    })
    const seen = JSON.parse(String(answer.headers['x-seen'])) as string[]
    for (const name of ['x-secret', 'te', 'proxy-connection']) assert.deepEqual(headerValues(seen, name), [], name)
    assert.deepEqual(headerValues(seen, 'x-kept'), ['kept'])
    for (const name of ['x-listed', 'proxy-connection'])
      assert.deepEqual(headerValues(answer.rawHeaders, name), [], name)
    assert.ok(!headerValues(answer.rawHeaders, 'keep-alive').includes('timeout=99'))
    assert.equal(answer.headers['x-kept'], 'kept')
  }),

  proxyCase('http.forwarded', 'Upstreams hear who asked, how, and under which name.', [], async (world) => {
    await world.serve(await world.upstream('a'))
    const { rawHeaders } = await world.seen()
    assert.match(headerValues(rawHeaders, 'x-forwarded-for').at(-1) ?? '', /(?:127\.0\.0\.1|::1)$/)
    assert.deepEqual(headerValues(rawHeaders, 'x-forwarded-proto'), ['http'])
    assert.deepEqual(headerValues(rawHeaders, 'x-forwarded-host'), [hostname])
    assert.deepEqual(headerValues(rawHeaders, 'host'), [hostname])
  }),

  proxyCase('http.headers-kept', 'Duplicates stay apart and statuses stay what they are.', [], async (world) => {
    const a = await world.upstream('a', (_req, res) => {
      res.writeHead(418, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2; HttpOnly', 'Location', '/elsewhere'])
      res.end('short and stout')
    })
    await world.serve(a)
    const answer = await world.ask()
    assert.equal(answer.status, 418)
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2; HttpOnly'])
    assert.equal(answer.headers.location, '/elsewhere')
    assert.equal(answer.body.toString(), 'short and stout')
  }),

  proxyCase('http.head', 'HEAD has the headers of the answer and no body.', [], async (world) => {
    const a = await world.upstream('a', (_req, res) => {
      res.writeHead(200, { 'content-length': 1234, etag: '"one"' })
      res.end()
    })
    await world.serve(a)
    const answer = await world.ask({ method: 'HEAD' })
    assert.deepEqual(
      [answer.status, answer.headers['content-length'], answer.headers.etag, answer.body.length],
      [200, '1234', '"one"', 0],
    )
  }),

  proxyCase('http.ranges', 'Ranges and validators are the upstream’s affair.', [], async (world) => {
    const a = await world.upstream('a', (req, res) => {
      if (req.headers['if-none-match'] === '"one"') return void res.writeHead(304, { etag: '"one"' }).end()
      if (req.headers.range !== 'bytes=2-4') return void res.writeHead(200).end('0123456789')
      res.writeHead(206, { 'content-range': 'bytes 2-4/10', 'content-length': 3 }).end('234')
    })
    await world.serve(a)
    const part = await world.ask({ headers: { range: 'bytes=2-4' } })
    assert.deepEqual([part.status, part.headers['content-range'], part.body.toString()], [206, 'bytes 2-4/10', '234'])
    const same = await world.ask({ headers: { 'if-none-match': '"one"' } })
    assert.deepEqual([same.status, same.headers.etag, same.body.length], [304, '"one"', 0])
  }),

  proxyCase(
    'http.smuggling',
    'A request with two lengths is refused, and no part of it passed on.',
    [],
    async (world) => {
      const a = await world.upstream('a')
      await world.serve(a)
      const { address } = await world.endpoint()
      const hidden = `GET /hidden HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`
      const head = `POST / HTTP/1.1\r\nHost: ${hostname}\r\n`
      for (const framing of [
        `Content-Length: ${hidden.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        'Content-Length: 0\r\nContent-Length: 5\r\n\r\n',
        'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
      ]) {
        const text = await exchangeBytes(address, head + framing + hidden)
        assert.ok(!text.includes(' 200 '), framing)
      }
      assert.deepEqual(a.seen, [])
      assert.equal((await world.seen()).upstream, 'a', dep(1))
    },
  ),
]
