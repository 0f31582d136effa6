import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { caddyProgram, freePorts, startCaddy, type TestCaddy } from '../../packages/proxy-caddy/test/caddy.js'
import { behindCaddy, behindOwnCaddy, deploy } from './index.js'

const hostname = 'shop.example.test'
const possible = caddyProgram !== null && process.env.APPALOFT_TEST_ENGINE !== undefined

let folder = ''
let program: TestCaddy
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-caddy-example-'))
  await mkdir(join(folder, 'app'))
  const manifest = { name: 'shop', private: true, type: 'module', scripts: { start: 'node server.js' } }
  await writeFile(join(folder, 'app/package.json'), JSON.stringify(manifest))
  if (possible) program = await startCaddy()
})
afterAll(async () => {
  await program?.close()
  await rm(folder, { recursive: true, force: true })
})

const write = (text: string) =>
  writeFile(
    join(folder, 'app/server.js'),
    `import { createServer } from 'node:http'\ncreateServer((_, answer) => answer.end('${text}')).listen(process.env.PORT ?? 3000)\n`,
  )

async function ask(
  secure: boolean,
  places: Pick<TestCaddy, 'http' | 'https'> = program,
): Promise<{ status: number; identity: unknown; text: string }> {
  const [host, port] = (secure ? places.https : places.http).split(':')
  const options = {
    host,
    port,
    servername: hostname,
    rejectUnauthorized: false,
    agent: false,
    headers: { host: hostname },
  }
  const req = secure ? https.get(options) : http.get(options)
  const [res] = (await once(req, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const chunk of res.setEncoding('utf8')) text += chunk
  return { status: res.statusCode!, identity: res.headers['x-appaloft-deployment'], text }
}

describe.skipIf(!possible)('with Caddy and an engine (node scripts/engines.mjs)', () => {
  it('deploys twice, goes back, and leaves nothing of its own in Caddy', async () => {
    const before = (await program.api.configuration()).config
    const appaloft = behindCaddy(
      join(folder, 'state'),
      { admin: program.admin, http: program.http, https: program.https, tls: 'internal' },
      {
        cli: process.env.APPALOFT_TEST_DOCKER ?? 'docker',
        scope: `test-${randomBytes(5).toString('hex')}`,
        baseImage: () => `node:${process.versions.node.split('.')[0]}-slim`,
      },
    )
    try {
      await write('one')
      const one = await deploy(appaloft, join(folder, 'app'), hostname)
      await expect.poll(() => ask(true), { timeout: 20_000 }).toEqual({ status: 200, identity: one, text: 'one' })
      expect((await ask(false)).status).toBe(308)
      const { etag } = await program.api.configuration()
      await write('two')
      const two = await deploy(appaloft, join(folder, 'app'), hostname)
      expect(await ask(true)).toEqual({ status: 200, identity: two, text: 'two' })
      const { id } = await (await appaloft.deployments.rollback('res_shop')).done
      expect(await ask(true)).toEqual({ status: 200, identity: id, text: 'one' })
      expect((await program.api.configuration()).etag).toBe(etag)
      await appaloft.resources.remove('res_shop')
      expect((await program.api.configuration()).config).toEqual(before)
    } finally {
      await appaloft.close()
    }
  }, 180_000)

  it('runs a Caddy of its own, which only the one who asks for it ends', async () => {
    const [http = 0, https = 0] = await freePorts(2)
    const places = { http: `127.0.0.1:${http}`, https: `127.0.0.1:${https}` }
    const { appaloft, container } = behindOwnCaddy(
      join(folder, 'own'),
      { ...places, tls: 'internal' },
      {
        cli: process.env.APPALOFT_TEST_DOCKER ?? 'docker',
        scope: `test-${randomBytes(5).toString('hex')}`,
        baseImage: () => `node:${process.versions.node.split('.')[0]}-slim`,
      },
    )
    try {
      await write('one')
      const one = await deploy(appaloft, join(folder, 'app'), hostname)
      await expect
        .poll(() => ask(true, places), { timeout: 20_000 })
        .toEqual({ status: 200, identity: one, text: 'one' })
      await appaloft.resources.remove('res_shop')
      expect(await container.remove()).toBe(true)
      await expect(ask(false, places)).rejects.toThrow()
    } finally {
      await container.remove()
      await container.close()
      await appaloft.close()
    }
  }, 180_000)
})
