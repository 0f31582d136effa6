import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Address, BuildInput, ReleaseInput } from '@appaloft/core/spec'
import {
  fakeProxy,
  sampleId,
  samplePlan,
  sampleRelease,
  siteCases,
  siteEncodings,
  siteFiles,
  siteForbidden,
  siteRanges,
  spaCases,
} from '@appaloft/testkit'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { haveEngine, type Machine, machine, withoutEngine } from '../test/engine.js'

let here: Machine
const folder = mkdtempSync(join(tmpdir(), 'appaloft-sites-'))
const at: Record<string, Address> = {}

async function serve(
  name: string,
  number: number,
  options: { spaFallback: boolean; notFound: boolean },
): Promise<Address> {
  const source = join(folder, name)
  for (const [path, content] of Object.entries(siteFiles(name, options))) {
    mkdirSync(dirname(join(source, 'public', path)), { recursive: true })
    writeFileSync(join(source, 'public', path), content)
  }
  writeFileSync(join(source, 'secret.txt'), 'outside')
  const resourceId = `res_${name}`
  const plan = samplePlan({
    resourceId,
    artifact: { kind: 'static-site', publishDirectory: 'public', spaFallback: options.spaFallback },
  })
  const ref = { resourceId, deploymentId: sampleId('dep', number), releaseId: sampleId('rel', number) }
  const common = {
    ...ref,
    token: 1,
    signal: new AbortController().signal,
    log: () => undefined,
    environment: {},
    secretNames: [],
  }
  const input: BuildInput = { ...common, plan, sourceDirectory: source, inputsDigest: name, noCache: false }
  const { artifact } = await here.target.build(input)
  const release: ReleaseInput = { ...common, release: sampleRelease({ id: ref.releaseId, resourceId, plan, artifact }) }
  await here.target.start(release)
  const [address] = (await here.target.reach(ref, 80)).probe
  await vi.waitFor(async () => expect((await ask(name, '/', {}, address)).status).toBe(200), { timeout: 20_000 })
  return address!
}

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

function ask(
  site: string,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
  address = at[site],
): Promise<Answer> {
  const { host, port } = address as Extract<Address, { kind: 'tcp' }>
  return new Promise((resolve, reject) => {
    const call = request({ host, port, path, agent: false, ...options }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      )
    })
    call.on('error', reject)
    call.end()
  })
}

describe.skipIf(!haveEngine)(`a static site served by Caddy ${haveEngine ? '' : withoutEngine}`, () => {
  beforeAll(async () => {
    here = await machine({ proxy: fakeProxy() })
    at.plain = await serve('plain', 1, { spaFallback: false, notFound: true })
    at.spa = await serve('spa', 2, { spaFallback: true, notFound: true })
    at.bare = await serve('bare', 3, { spaFallback: false, notFound: false })
  }, 120_000)
  afterAll(async () => {
    await here.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const check = async (site: string, { path, status, body, type }: (typeof siteCases)[number]) => {
    const answer = await ask(site, path)
    const [first, ...others] = [status].flat()
    if (others.includes(answer.status)) return
    expect([answer.status, answer.body]).toEqual([first, body])
    expect(answer.headers['content-type']).toMatch(new RegExp(`^${type}`))
  }
  it.each(siteCases)('$title', (one) => check('plain', one))
  it.each(spaCases)('as a single-page application $title', (one) => check('spa', one))

  it('without a 404.html the answer is a plain one', async () => {
    const answer = await ask('bare', '/missing')
    expect([answer.status, answer.body]).toEqual([404, 'Not found\n'])
  })

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
    const known = await ask('plain', '/digits.txt', { headers: { 'if-none-match': headers.etag ?? 'none' } })
    expect([known.status, known.body]).toEqual([304, ''])
  })

  it.each(siteRanges)('range %s', async (range, status, body, told) => {
    const answer = await ask('plain', '/digits.txt', { headers: { range } })
    expect([answer.status, answer.body, answer.headers['content-range']]).toEqual([status, body, told])
  })

  it.each(siteEncodings)('of the precompressed files the one that %j takes', async (accepted, encoding) => {
    const answer = await ask('plain', '/app.js', { headers: { 'accept-encoding': accepted } })
    expect([answer.status, answer.headers['content-encoding']]).toEqual([200, encoding])
    expect(answer.headers['content-type']).toMatch(/^text\/javascript/)
    expect(answer.headers.vary).toBe('Accept-Encoding')
  })
})
