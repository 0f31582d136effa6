import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createListener, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAppaloft, type Deployment, type ResourceDefinition } from '@appaloft/core'
import { image } from '@appaloft/planner-image'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fakeProxy } from '../fakes/index.js'

// Applications that are broken in the ways in which real ones are: each has its code, and the setting to change.

const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined
const registry = process.env.APPALOFT_TEST_REGISTRY
const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
const base = `node:${process.versions.node.split('.')[0]}-slim`
const scope = `test-${randomBytes(5).toString('hex')}`
const run = (...args: string[]) =>
  execFileSync(cli, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    .trim()
    .split('\n')
    .filter(Boolean)

let folder = ''
const servers: Server[] = []
const compose = (pull: 'missing' | 'always') =>
  createAppaloft({
    store: sqlite({ path: join(folder, `${pull}.db`) }),
    stateDir: join(folder, pull),
    planners: [image()],
    targets: [docker({ cli, scope, pull, proxy: fakeProxy() })],
  })
let here: ReturnType<typeof compose>
let pulling: ReturnType<typeof compose>

type Change = Omit<ResourceDefinition, 'source' | 'id'>
const quick = { intervalSeconds: 0.2, retries: 2, startPeriodSeconds: 1.5, timeoutSeconds: 1 }

async function deploy(name: string, change: Change, reference = base, appaloft = here): Promise<Deployment> {
  const resource: ResourceDefinition = {
    id: `res_${name}`,
    source: { kind: 'docker-image', image: reference },
    health: quick,
    ...change,
    network: { exposure: 'direct-port', hostPort: 0, internalPort: 3000, ...change.network },
  }
  if (resource.network?.hostPort === 0) resource.network.hostPort = await freePort()
  return await (await appaloft.deployments.create({ resource })).done
}

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const server = createListener()
  const port = await listen(server, '0.0.0.0')
  await new Promise((resolve) => server.close(resolve))
  return port
}

const script = (text: string): Change => ({ runtime: { startCommand: ['node', '-e', text] } })
const serving = (answer: string, port = '3000', host = '') =>
  script(`require('http').createServer((q, a) => { ${answer} }).listen(${port}${host})`)

interface Broken {
  name: string
  change: Change
  code: string
  field: string
  message?: RegExp
  log?: string
}

const broken: Broken[] = [
  {
    name: 'exits',
    change: script("console.error('no database'); process.exit(3)"),
    code: 'process-exited',
    field: 'runtime.startCommand',
    message: /exit code 3/,
    log: 'no database',
  },
  {
    name: 'missing-variable',
    change: script("if (!process.env.DATABASE_URL) throw new Error('DATABASE_URL is not set')"),
    code: 'process-exited',
    field: 'runtime.startCommand',
    log: 'DATABASE_URL is not set',
  },
  {
    name: 'no-such-program',
    change: { runtime: { startCommand: ['nosuch', '--serve'] } },
    code: 'start-failed',
    field: 'runtime.startCommand',
    message: /no program nosuch/,
  },
  {
    name: 'no-such-program-in-a-shell',
    change: { runtime: { startCommand: 'nosuch --serve' } },
    code: 'process-exited',
    field: 'runtime.startCommand',
    message: /exit code 127/,
    log: 'not found',
  },
  {
    name: 'not-executable',
    change: { runtime: { startCommand: ['/etc/passwd'] } },
    code: 'process-exited',
    field: 'runtime.startCommand',
    log: 'Permission denied',
  },
  {
    name: 'killed-for-memory',
    change: {
      runtime: {
        startCommand: ['node', '-e', 'const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))'],
        resources: { memoryMiB: 64 },
      },
    },
    code: 'out-of-memory',
    field: 'runtime.resources',
  },
  {
    name: 'loopback-only',
    change: serving('a.end()', '3000', ", '127.0.0.1'"),
    code: 'port-not-listening',
    field: 'network.internalPort',
    message: /3000 for itself alone \(127\.0\.0\.1\): listen on 0\.0\.0\.0/,
  },
  {
    name: 'wrong-port',
    change: serving('a.end()', '4000'),
    code: 'port-not-listening',
    field: 'network.internalPort',
    message: /port 3000; it listens on 4000/,
  },
  {
    name: 'no-port',
    change: script('setInterval(() => {}, 1000)'),
    code: 'port-not-listening',
    field: 'network.internalPort',
    message: /on no port/,
  },
  {
    name: 'answers-500',
    change: serving('a.statusCode = 500; a.end()'),
    code: 'health-status-unexpected',
    field: 'health.expectedStatus',
    message: /500/,
  },
  {
    name: 'redirects',
    change: serving("a.writeHead(302, { location: '/login' }); a.end()"),
    code: 'health-status-unexpected',
    field: 'health.expectedStatus',
    message: /302/,
  },
  { name: 'never-answers', change: serving(''), code: 'health-timeout', field: 'health' },
  {
    name: 'another-page',
    change: { ...serving("a.end('under construction')"), health: { ...quick, expectedText: 'ready' } },
    code: 'health-text-missing',
    field: 'health.expectedText',
  },
  {
    name: 'unhealthy-by-its-own-command',
    change: {
      ...serving('a.end()'),
      health: { ...quick, type: 'command', command: ['node', '-e', 'process.exit(1)'] },
    },
    code: 'health-command-failed',
    field: 'health.command',
  },
  {
    name: 'release-command',
    change: {
      runtime: {
        releaseCommand: ['node', '-e', "console.log('no table'); process.exit(4)"],
        startCommand: ['node', '-e', '0'],
      },
    },
    code: 'release-command-failed',
    field: 'runtime.releaseCommand',
    message: /exit code 4/,
    log: 'no table',
  },
  {
    name: 'no-such-release-command',
    change: { runtime: { releaseCommand: ['migrate'], startCommand: ['node', '-e', '0'] } },
    code: 'start-failed',
    field: 'runtime.releaseCommand',
    message: /no program migrate/,
  },
  {
    name: 'no-such-bind',
    change: { ...serving('a.end()'), binds: [{ source: '/nowhere/at/all', path: '/data' }] },
    code: 'start-failed',
    field: 'binds',
  },
]

describe.skipIf(!haveEngine)('broken applications on a Docker Engine (need node scripts/engines.mjs)', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'appaloft-broken-'))
    here = compose('missing')
    pulling = compose('always')
  })
  afterAll(async () => {
    await here.close()
    await pulling.close()
    for (const server of servers) server.close()
    for (const name of run(
      'images',
      '--filter',
      `reference=appaloft/${scope}:*`,
      '--format',
      '{{.Repository}}:{{.Tag}}',
    ))
      run('rmi', '--force', name)
    for (const name of run('volume', 'ls', '--filter', `label=appaloft.scope=${scope}`, '--format', '{{.Name}}'))
      run('volume', 'rm', name)
    await rm(folder, { recursive: true, force: true })
  })

  it.each(broken)('$name: $code, $field', async ({ name, change, code, field, message, log }) => {
    const { status, failure } = await deploy(name, change)
    expect([status, failure?.code, failure?.inputs[0]?.profileField]).toEqual(['failed', code, field])
    if (message) expect(failure?.message).toMatch(message)
    if (log) expect(failure?.lastLogs.join('\n')).toContain(log)
    expect(run('ps', '--all', '--quiet', '--filter', `label=appaloft.scope=${scope}`)).toEqual([])
  })

  it('port-of-the-machine-taken: start-failed, network.hostPort, and what has it keeps it', async () => {
    const other = createServer((_, answer) => answer.end('mine'))
    const hostPort = await listen(other, '0.0.0.0')
    const { failure } = await deploy('taken', { ...serving('a.end()'), network: { hostPort } })
    expect([failure?.code, failure?.inputs[0]?.profileField]).toEqual(['start-failed', 'network.hostPort'])
    expect(await fetch(`http://127.0.0.1:${hostPort}`).then((one) => one.text())).toBe('mine')
  })

  describe('images that cannot be pulled', () => {
    /** A registry that answers every question alike. */
    const answering = async (status: number, headers: Record<string, string>, code: string) => {
      const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] })
      const server = createServer((_, answer) => {
        answer.writeHead(status, {
          'content-type': 'application/json',
          'docker-distribution-api-version': 'registry/2.0',
          ...headers,
        })
        answer.end(body)
      })
      return `127.0.0.1:${await listen(server)}`
    }
    const pulled = async (name: string, reference: string) => {
      const { failure } = await deploy(name, {}, reference, pulling)
      return failure
    }

    it.skipIf(registry === undefined)(
      'a name and a tag that the registry does not know (needs the tests’ own registry)',
      async () => {
        const name = `${registry}/${scope}/app`
        run('tag', 'busybox:stable', `${name}:1`)
        run('push', '--quiet', `${name}:1`)
        run('rmi', `${name}:1`)
        expect((await pulled('tag', `${name}:2`))?.code).toBe('image-tag-not-found')
        expect((await pulled('name', `${registry}/${scope}/other:1`))?.code).toBe('image-not-found')
      },
    )

    it('credentials that are missing or wrong', async () => {
      const host = await answering(401, { 'www-authenticate': 'Basic realm="registry"' }, 'UNAUTHORIZED')
      const failure = await pulled('credentials', `${host}/app:1`)
      expect([failure?.code, failure?.category]).toEqual(['registry-auth-failed', 'credentials'])
    })

    it('too many pulls', async () => {
      const host = await answering(429, {}, 'TOOMANYREQUESTS')
      expect((await pulled('rate', `${host}/app:1`))?.code).toBe('registry-rate-limited')
    })

    it('a registry that is broken', async () => {
      const host = await answering(500, {}, 'UNKNOWN')
      expect((await pulled('broken', `${host}/app:1`))?.code).toBe('image-pull-failed')
    })

    it('a registry that nobody answers for', async () => {
      const failure = await pulled('network', `127.0.0.1:${await freePort()}/app:1`)
      expect([failure?.code, failure?.category]).toEqual(['registry-unreachable', 'network'])
    })
  })
})
