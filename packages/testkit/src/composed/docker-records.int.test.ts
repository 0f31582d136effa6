import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Appaloft, createAppaloft } from '@appaloft/core'
import { staticSite } from '@appaloft/planner-static'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// Two laptops with stores of their own, and one Docker Engine.

const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined
const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
const scope = `test-${randomBytes(5).toString('hex')}`
const run = (...args: string[]) =>
  execFileSync(cli, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
const labelled = (kind: string) =>
  run(kind, 'ls', '-q', '--filter', `label=appaloft.scope=${scope}`).split('\n').filter(Boolean)
const records = () =>
  run('volume', 'ls', '-q', '--filter', `label=appaloft.scope=${scope}`, '--filter', 'label=appaloft.role=record')
    .split('\n')
    .filter(Boolean)

let folder = ''
let hostPort = 0
const open: Appaloft[] = []

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

/** Another program on a laptop: its store, its target, and the key that its state folder or the other's holds. */
function laptop(name: string, key = name): Appaloft {
  const engine = createAppaloft({
    stateDir: join(folder, `${key}-state`),
    store: sqlite({ path: join(folder, `${name}.db`) }),
    planners: [staticSite()],
    targets: [docker({ cli, scope, key: name, records: true })],
  })
  open.push(engine)
  return engine
}

async function deploy(engine: Appaloft, text: string, secret = 'correct-horse-battery') {
  const path = join(folder, 'site')
  await mkdir(path, { recursive: true })
  await writeFile(join(path, 'index.html'), text)
  const { done } = await engine.deployments.create({
    resource: {
      id: 'res_site',
      source: { kind: 'local-folder', path },
      network: { exposure: 'direct-port', hostPort },
      environment: { TOKEN: { value: secret, secret: true } },
    },
  })
  const { status, failure, ...rest } = await done
  expect({ status, failure }).toEqual({ status: 'succeeded', failure: null })
  return rest
}

const body = () =>
  new Promise<string>((resolve, reject) => {
    request({ host: '127.0.0.1', port: hostPort, agent: false }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () => resolve(text))
    })
      .on('error', reject)
      .end()
  })

describe.skipIf(!haveEngine)(`records on a Docker Engine ${haveEngine ? '' : '(needs a Docker Engine)'}`, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'appaloft-records-'))
    hostPort = await freePort()
  })
  afterAll(async () => {
    for (const engine of open) await engine.close({ mode: 'cancel' })
    for (const id of labelled('container')) run('rm', '-fv', id)
    for (const name of labelled('volume')) run('volume', 'rm', '-f', name)
    for (const name of labelled('image')) run('rmi', '-f', name)
    await rm(folder, { recursive: true, force: true })
  })

  it('what one deploys, another with an empty store lists, rolls back and takes away', {
    timeout: 240_000,
  }, async () => {
    const one = await deploy(laptop('a'), 'one')
    const two = await deploy(laptop('a'), 'two', 'staple-correct-horse')
    expect(records()).toHaveLength(2)
    const labels = run('volume', 'inspect', ...records())
    expect(labels).not.toContain('horse')

    const b = laptop('b', 'a')
    expect((await b.deployments.list()).items.map(({ id }) => id)).toEqual([two.id, one.id])
    expect(await b.resources.status('res_site')).toMatchObject({ desired: { deploymentId: two.id }, drift: [] })
    const back = await (await b.deployments.rollback('res_site')).done
    expect(back).toMatchObject({ status: 'succeeded', release: { id: one.release?.id } })
    expect(await body()).toBe('one')

    const a = laptop('a')
    expect((await a.deployments.list()).items.map(({ id }) => id)).toEqual([back.id, two.id, one.id])
    expect((await a.reconcile()).problems).toEqual([])
    const three = await deploy(a, 'three')

    // Another key: nothing is touched.
    const c = laptop('c')
    expect((await c.deployments.list()).items[0]?.id).toBe(three.id)
    const refused = await (await c.deployments.rollback('res_site')).done
    expect(refused).toMatchObject({ status: 'failed', failure: { code: 'secret-unavailable' } })
    expect(await body()).toBe('three')

    // Another scope knows nothing of it.
    const stranger = createAppaloft({
      stateDir: join(folder, 'd-state'),
      store: sqlite({ path: join(folder, 'd.db') }),
      planners: [staticSite()],
      targets: [docker({ cli, scope: `${scope.slice(0, 12)}-x`, records: true })],
    })
    open.push(stranger)
    expect(await stranger.resources.list()).toEqual([])

    await laptop('e', 'a').resources.remove('res_site', { volumes: true })
    expect([records(), labelled('container')]).toEqual([[], []])
  })
})
