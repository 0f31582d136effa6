import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { caddyProgram, startCaddy, type TestCaddy } from '../../packages/proxy-caddy/test/caddy.js'
import { busyClients, type Moment } from '../../packages/proxy-caddy/test/clients.js'
import { behindCaddy } from './index.js'

const hostname = 'busy.example.test'
const possible = caddyProgram !== null && process.env.APPALOFT_TEST_ENGINE !== undefined
const releases = process.env.APPALOFT_SOAK === '1' ? 200 : 4
const drainSeconds = 2

/** Answers with its deployment: at once, slowly, with what it was sent, for ever, or upgraded. */
const application = `
import { createServer } from 'node:http'
const id = process.env.APPALOFT_DEPLOYMENT_ID
const server = createServer((req, res) => {
  res.on('error', () => {})
  if (req.url === '/events') {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => res.write('data: ' + id + '\\n\\n'), 40)
    res.write('data: ' + id + '\\n\\n')
    res.on('close', () => clearInterval(timer))
    return
  }
  let length = 0
  req.on('data', (chunk) => { length += chunk.length })
  req.on('end', () => {
    const end = () => res.end(JSON.stringify({ id, length }))
    if (req.url === '/slow') setTimeout(end, 120)
    else end()
  })
})
server.on('upgrade', (req, socket) => {
  socket.on('error', () => {})
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n')
  socket.pipe(socket)
})
server.listen(process.env.PORT ?? 3000)
process.on('SIGTERM', () => process.exit(0))
`

let folder = ''
let program: TestCaddy
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-caddy-busy-'))
  await mkdir(join(folder, 'app'))
  const manifest = { name: 'busy', private: true, type: 'module', scripts: { start: 'node server.js' } }
  await writeFile(join(folder, 'app/package.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'app/server.js'), application)
  if (possible) program = await startCaddy()
})
afterAll(async () => {
  await program?.close()
  await rm(folder, { recursive: true, force: true })
})

describe.skipIf(!possible)('with Caddy and an engine (node scripts/engines.mjs)', () => {
  it(`${releases} releases under eight busy clients lose no request`, { timeout: 3_600_000 }, async () => {
    const appaloft = behindCaddy(
      join(folder, 'state'),
      { admin: program.admin, http: program.http, tls: 'off' },
      {
        cli: process.env.APPALOFT_TEST_DOCKER ?? 'docker',
        scope: `test-${randomBytes(5).toString('hex')}`,
        baseImage: () => `node:${process.versions.node.split('.')[0]}-slim`,
      },
    )
    const source = { kind: 'local-folder' as const, path: join(folder, 'app') }
    const resource = { id: 'res_busy', source, access: { hostnames: [hostname] }, network: { drainSeconds } }
    const first = await (await appaloft.deployments.create({ resource })).done
    expect(first.failure).toBeNull()
    let moment: Moment = { earliest: first.id, latest: first.id }
    /** When traffic left a deployment. */
    const leftAt = new Map<string, number>()
    const clients = busyClients({
      port: Number(program.http.split(':')[1]),
      hostname,
      moment: () => moment,
      // Long connections live until the time to drain is over.
      stopped: (id) => performance.now() - (leftAt.get(id) ?? Number.POSITIVE_INFINITY) > drainSeconds * 1000 - 300,
    })
    try {
      const { etag } = await program.api.configuration()
      for (let at = 0; at < releases; at++) {
        const before = moment.latest
        const attempt = await appaloft.resources.redeploy('res_busy')
        moment = { earliest: before, latest: attempt.id }
        await attempt.promoted
        leftAt.set(before, performance.now())
        moment = { earliest: attempt.id, latest: attempt.id }
        const { status, failure } = await attempt.done
        expect({ status, failure }).toEqual({ status: 'succeeded', failure: null })
      }
      const { requests, failed, wrong, cut, answeredBy } = await clients.end()
      console.log(`${releases} releases, ${requests} requests, ${failed.length} failed, ${cut.length} cut`)
      expect({ failed, wrong, cut }).toEqual({ failed: [], wrong: [], cut: [] })
      expect(answeredBy.size).toBe(releases + 1)
      expect((await program.api.configuration()).etag).toBe(etag)
    } finally {
      await clients.end()
      await appaloft.resources.remove('res_busy')
      await appaloft.close()
    }
  })
})
