import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAppaloft, type Deployment } from '@appaloft/core'
import { compose } from '@appaloft/planner-compose'
import { caddy } from '@appaloft/proxy-caddy'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { caddyProgram, noCaddy, startCaddy, type TestCaddy } from '../../../proxy-caddy/test/caddy.js'
import { shop, writeProject } from '../../test/compose-project.js'

// Releases of a whole Compose project, with a real PostgreSQL, on a real Docker Engine, behind a real Caddy.

const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined
const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
const base = `node:${process.versions.node.split('.')[0]}-slim`
const scope = `test-${randomBytes(5).toString('hex')}`
const secret = `db-${randomBytes(8).toString('hex')}`
const run = (...args: string[]) =>
  execFileSync(cli, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
const lines = (...args: string[]) =>
  run(...args)
    .split('\n')
    .filter(Boolean)
    .sort()
const label = ['--filter', `label=appaloft.scope=${scope}`]

const hostname = 'shop.example.test'
let folder = ''
let front: TestCaddy
const composed = (host?: string) =>
  createAppaloft({
    store: sqlite({ path: join(folder, 'state/appaloft.db') }),
    stateDir: join(folder, 'state'),
    planners: [compose()],
    targets: [
      docker({
        ...{ cli, scope, pull: 'missing' },
        proxy: caddy({ admin: front.admin, http: front.http, https: front.https, tls: 'off' }),
        ...(host === undefined ? {} : { host }),
      }),
    ],
  })
let appaloft: ReturnType<typeof composed>

const resource = () => ({ ...shop(folder, secret), access: { hostnames: [hostname] } })

interface Told {
  deployment: Deployment
  promotedAt: number
}

async function deploy(version: string, connections = 40): Promise<Told> {
  await writeProject(join(folder, 'shop'), base, version, { connections })
  let promotedAt = Number.POSITIVE_INFINITY
  const handle = await appaloft.deployments.create(
    { resource: resource() },
    {
      onEvent: (event) => {
        if (event.type === 'traffic-promoted') promotedAt = Date.parse(event.at)
      },
    },
  )
  return { deployment: await handle.done, promotedAt }
}

/** What users get, and from which deployment. */
const served = (path = '/'): Promise<{ body: string; by: unknown }> =>
  new Promise((resolve, reject) => {
    get(`http://${front.http}${path}`, { agent: false, headers: { host: hostname } }, (answer) => {
      let body = ''
      answer.on('error', reject).on('end', () => resolve({ body, by: answer.headers['x-appaloft-deployment'] }))
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
    }).on('error', reject)
  })

/** Asks as users do, until it is told to end: who answered, in the order of changes, and what went wrong. */
function users(): { changes: string[]; end(): Promise<void> } {
  const changes: string[] = []
  let ending = false
  const work = (async () => {
    while (!ending) {
      const said = await served('/who').then(
        ({ body }) => body,
        (error: Error) => `error ${error.message}`,
      )
      if (said !== changes.at(-1)) changes.push(said)
      await sleep(5)
    }
  })()
  return {
    changes,
    end: () => {
      ending = true
      return work
    },
  }
}

const containerOf = (service: string) =>
  lines(
    'ps',
    '--all',
    '--no-trunc',
    ...label,
    '--filter',
    `label=appaloft.service=${service}`,
    '--format',
    '{{.ID}} {{.State}}',
  )

interface Heard {
  kind: string
  said: string
  at: number
  asked: number
}
/** What the service that asks by name has printed: each change of the answer. */
const heard = (): { changes: Heard[]; asked: number } => {
  const [id = ''] = containerOf('asker').map((one) => one.split(' ')[0]!)
  const all = run('logs', id)
    .split('\n')
    .map((one) => JSON.parse(one) as Heard)
  return { changes: all.filter((one) => one.kind !== undefined), asked: Math.max(...all.map((one) => one.asked)) }
}

const isBeat = (name: string) => /\.lease\.\d+\.beat\.\d+$/.test(name)
const ours = () => [
  ...lines('ps', '--all', ...label, '--format', '{{.Names}}'),
  ...lines('images', '--all', ...label, '--format', '{{.Repository}}:{{.Tag}}'),
  ...lines('images', '--filter', `reference=appaloft/${scope}:*`, '--format', '{{.Repository}}:{{.Tag}}'),
  ...lines('network', 'ls', ...label, '--format', '{{.Name}}'),
  // The marks stay, as they must: they keep a former holder out, and tell that nobody is at work.
  ...lines('volume', 'ls', ...label, '--format', '{{.Name}}').filter(
    (name) => !/\.(?:fence\.after\.\d+|lease\.\d+\.released)$/.test(name),
  ),
]

const needs = `needs node scripts/engines.mjs, and ${noCaddy}`
describe.skipIf(!haveEngine || caddyProgram === null)(`a Compose project on a Docker Engine (${needs})`, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'appaloft-compose-'))
    front = await startCaddy()
    appaloft = composed()
  })

  afterAll(async () => {
    await appaloft.close()
    await front.close()
    const clear = (list: string[], ...remove: string[]) => (list.length > 0 ? run(...remove, ...list) : '')
    clear(lines('ps', '--all', '--quiet', ...label), 'rm', '--force', '--volumes')
    clear(lines('network', 'ls', '--quiet', ...label), 'network', 'rm')
    clear(
      lines('images', '--filter', `reference=appaloft/${scope}:*`, '--format', '{{.Repository}}:{{.Tag}}'),
      'rmi',
      '--force',
    )
    clear(lines('volume', 'ls', '--quiet', ...label), 'volume', 'rm')
    await rm(folder, { recursive: true, force: true })
  }, 60_000)

  it('the preview asks no engine, and tells what is changed in place', async () => {
    await writeProject(join(folder, 'shop'), base, 'one', { connections: 40 })
    const elsewhere = composed('unix:///nowhere/docker.sock')
    try {
      const preview = await elsewhere.deployments.plan({ resource: resource() })
      expect(preview.artifact).toMatchObject({ kind: 'compose-project', targetServiceName: 'web' })
      expect(preview.network).toMatchObject({ internalPort: 3000 })
      expect(preview.readiness.status).toBe('warning')
      const change = preview.warnings.find((one) => one.code === 'compose-in-place-change')
      expect(change?.message).toMatch(/migrate.*db.*asker/)
      expect(preview.warnings.find((one) => one.code === 'compose-volumes-kept')?.message).toContain('pgdata')
      expect(preview.steps.map((one) => one.id)).toEqual([
        'build.images',
        'start.migrate',
        'start.db',
        'start.asker',
        'start',
        'route',
      ])
      expect(JSON.stringify(preview)).not.toContain(secret)
    } finally {
      await elsewhere.close()
    }
  })

  it('a release, a second, a third that fails, back to the first, and removed without a trace', async () => {
    const { deployment: first } = await deploy('one')
    expect(first.failure).toBeNull()
    expect(await served()).toEqual({ body: 'one | one | motd of one | from the profile', by: first.id })
    await vi.waitFor(() => expect(heard().changes.map(({ kind, said }) => `${kind} ${said}`)).toHaveLength(5), {
      timeout: 20_000,
    })
    const [database] = containerOf('db')
    const [asking] = containerOf('asker')
    expect(database).toMatch(/running$/)

    const busy = users()
    const { deployment: second, promotedAt } = await deploy('two')
    expect(second.failure).toBeNull()
    expect(await served()).toEqual({ body: 'two | one,two | motd of two | from the profile', by: second.id })
    // What did not change was not touched.
    expect([containerOf('db'), containerOf('asker')]).toEqual([[database], [asking]])
    await vi.waitFor(() => expect(heard().changes.map(({ kind, said }) => `${kind} ${said}`)).toHaveLength(10), {
      timeout: 20_000,
    })

    const { deployment: third } = await deploy('unhealthy', 50)
    expect(third).toMatchObject({ status: 'failed', rollback: { outcome: 'restored' } })
    expect(third.failure?.code).toBe('health-status-unexpected')
    expect(await served()).toEqual({
      body: 'two | one,two,unhealthy | motd of two | from the profile',
      by: second.id,
    })
    // The database was changed in place, and is what it was.
    expect([containerOf('db'), containerOf('asker')]).toEqual([[database], [asking]])

    const back = await (await appaloft.deployments.rollback('res_shop')).done
    expect(back).toMatchObject({ status: 'succeeded', trigger: 'rollback' })
    // The migration is not run again.
    expect(await served()).toEqual({
      body: 'one | one,two,unhealthy | motd of one | from the profile',
      by: back.id,
    })
    await vi.waitFor(() => expect(heard().changes.map(({ kind, said }) => `${kind} ${said}`)).toHaveLength(15), {
      timeout: 20_000,
    })

    await busy.end()
    expect(busy.changes).toEqual(['one', 'two', 'one'])
    const { changes, asked } = heard()
    const said = (kind: string) => changes.filter((one) => one.kind === kind).map((one) => one.said)
    expect(said('new').sort()).toEqual([...Array(6).fill('one'), ...Array(3).fill('two')])
    for (const kind of ['kept', 'slow']) expect(said(kind), kind).toEqual(['one', 'two', 'one'])
    for (const one of changes) if (one.said === 'two') expect(one.at).toBeGreaterThanOrEqual(promotedAt)
    expect(asked).toBeGreaterThan(1_000)

    expect(ours().length).toBeGreaterThan(5)
    const store = await readFile(join(folder, 'state/appaloft.db'), 'latin1')
    expect(store.includes(secret)).toBe(false)
    await appaloft.resources.remove('res_shop', { volumes: true })
    expect(ours().filter((name) => !isBeat(name))).toEqual([])
    // Nobody waits for the end of the lease: its beats go a moment later.
    await expect.poll(ours).toEqual([])
  }, 240_000)
})
