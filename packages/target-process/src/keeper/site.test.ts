import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type SiteCase,
  siteCases,
  siteEncodings,
  siteFiles,
  siteForbidden,
  siteRanges,
  spaCases,
} from '@appaloft/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveSite } from './site.js'

const folder = mkdtempSync(join(tmpdir(), 'appaloft-site-'))
const servers: Server[] = []
const port = { plain: 0, spa: 0, bare: 0 }

const put = (path: string, content: string | Buffer) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), content)
}

async function serve(root: string, spaFallback: boolean): Promise<number> {
  const server = createServer(serveSite({ root: join(folder, root), spaFallback }))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  for (const site of ['plain', 'spa', 'bare']) {
    const files = siteFiles(site, { notFound: site !== 'bare' })
    for (const [path, content] of Object.entries(files)) put(`${site}/${path}`, content)
  }
  put('secret.txt', 'outside')
  port.plain = await serve('plain', false)
  port.spa = await serve('spa', true)
  port.bare = await serve('bare', false)
})

afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  rmSync(folder, { recursive: true, force: true })
})

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** Sends the path as it is: no client tidies it. */
function ask(
  site: keyof typeof port,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port: port[site], path, agent: false, ...options }, (answer) => {
      let body = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        body += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }))
    })
    call.on('error', reject)
    call.end()
  })
}

describe('files', () => {
  const check = async (site: keyof typeof port, { path, status, body, type }: SiteCase) => {
    const answer = await ask(site, path)
    expect([answer.status, answer.body]).toEqual([[status].flat()[0], body])
    expect(answer.headers['content-type']).toMatch(new RegExp(`^${type}`))
  }
  it.each(siteCases)('$title', (one) => check('plain', one))
  it.each(spaCases)('as a single-page application $title', (one) => check('spa', one))

  it('without a 404.html the answer is a plain one', async () => {
    const answer = await ask('bare', '/missing')
    expect([answer.status, answer.body]).toEqual([404, 'Not found\n'])
  })
})

describe('requests', () => {
  it('HEAD is GET without a body', async () => {
    const [get, head] = [await ask('plain', '/digits.txt'), await ask('plain', '/digits.txt', { method: 'HEAD' })]
    expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', '10'])
    expect(head.headers.etag).toBe(get.headers.etag)
    const missing = await ask('plain', '/missing', { method: 'HEAD' })
    expect([missing.status, missing.body]).toEqual([404, ''])
  })

  it.each(siteForbidden)('%s is not allowed', async (method) => {
    const answer = await ask('plain', '/', { method })
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD'])
  })

  it('a known ETag is answered with 304', async () => {
    const { headers } = await ask('plain', '/digits.txt')
    expect(headers.etag).toBeTruthy()
    const known = await ask('plain', '/digits.txt', { headers: { 'if-none-match': headers.etag ?? '' } })
    expect([known.status, known.body]).toEqual([304, ''])
    const other = await ask('plain', '/digits.txt', { headers: { 'if-none-match': 'W/"other"' } })
    expect(other.status).toBe(200)
  })

  it.each([
    ...siteRanges,
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=0-0', 200, '0123456789', undefined],
    ['bytes=4-2', 200, '0123456789', undefined],
    ['bytes=0-1,4-5', 200, '0123456789', undefined],
    ['lines=1-2', 200, '0123456789', undefined],
    ['bytes=x-y', 200, '0123456789', undefined],
  ])('range %s', async (range, status, body, told) => {
    const answer = await ask('plain', '/digits.txt', { headers: { range } })
    expect([answer.status, answer.body, answer.headers['content-range']]).toEqual([status, body, told])
  })

  it('a range of something else than was meant is the whole file', async () => {
    const headers = { range: 'bytes=2-4', 'if-range': 'W/"other"' }
    expect((await ask('plain', '/digits.txt', { headers })).status).toBe(200)
    const { headers: told } = await ask('plain', '/digits.txt')
    const same = { range: 'bytes=2-4', 'if-range': told['last-modified'] ?? '' }
    expect((await ask('plain', '/digits.txt', { headers: same })).body).toBe('234')
  })

  it.each(siteEncodings)('of the precompressed files the one that %j takes', async (accepted, encoding) => {
    const answer = await ask('plain', '/app.js', { headers: { 'accept-encoding': accepted } })
    expect([answer.status, answer.headers['content-encoding']]).toEqual([200, encoding])
    expect(answer.headers['content-type']).toMatch(/^text\/javascript/)
    expect(answer.headers.vary).toBe('Accept-Encoding')
  })

  it('a file that vanished cuts its own answer and nothing else', async () => {
    put('bare/vanishing.txt', 'soon gone')
    const root = await serve('bare', false)
    rmSync(join(folder, 'bare/vanishing.txt'))
    await new Promise<void>((resolve) => {
      const call = request({ host: '127.0.0.1', port: root, path: '/vanishing.txt', agent: false }, (answer) => {
        answer.resume()
        answer.on('close', resolve)
      })
      call.on('error', () => resolve())
      call.end()
    })
    expect((await ask('plain', '/')).status).toBe(200)
  })

  it('a reader that goes away leaves no file open', async () => {
    put('bare/large.bin', Buffer.alloc(8 * 1024 * 1024))
    const root = await serve('bare', false)
    const { readdirSync, readlinkSync } = await import('node:fs')
    const open = () =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).endsWith('large.bin')
        } catch {
          return false
        }
      }).length
    await new Promise<void>((resolve) => {
      const call = request({ host: '127.0.0.1', port: root, path: '/large.bin', agent: false }, (answer) => {
        answer.once('data', () => {
          call.destroy()
          resolve()
        })
      })
      call.on('error', () => undefined)
      call.end()
    })
    for (let waited = 0; open() > 0 && waited < 2_000; waited += 20) await sleep(20)
    expect(open()).toBe(0)
  })
})
