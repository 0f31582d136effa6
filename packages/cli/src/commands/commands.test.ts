import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { memoryStore } from '@appaloft/core'
import type {
  DeploymentRecord,
  Deployments,
  Envelope,
  LogEntry,
  Problem,
  ResourceRecord,
  ResourceStatus,
  Store,
  Target,
} from '@appaloft/core/spec'
import { AppaloftError, reason } from '@appaloft/core/spec'
import { sampleDeployment } from '@appaloft/testkit'
import { describe, expect, it, vi } from 'vitest'
import {
  aDeployment,
  aHandle,
  aPreview,
  deploymentId,
  envelopesOf,
  events,
  temporaryFolder,
  world,
} from '../../test/support.js'
import { loadConfig } from '../config/load.js'
import type { TargetPart } from '../targets/part.js'

const folder = (name: string) => {
  const path = join(temporaryFolder(), name)
  mkdirSync(path)
  return path
}
const record = (id: string, path: string): Omit<ResourceRecord, 'stateVersion'> => ({
  id,
  definition: { id, source: { kind: 'local-folder', path } },
  live: { process: { deploymentId, releaseId: 'rel_x' } },
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
})
const storeWith = async (id: string, path = '/srv/web'): Promise<Store> => {
  const store = memoryStore()
  await store.putResource(record(id, path), null)
  return store
}

const sampleStatus: ResourceStatus = {
  ...{ resourceId: 'res_web', target: 'ssh:a', stateVersion: 1, urls: [], drift: [], problem: null },
  ...{ desired: null, observed: { live: null, state: 'absent', running: null }, activeDeploymentId: null },
}

describe('deployments', () => {
  it('list pages, filters, and prints JSON lines', async () => {
    const list = vi.fn(async () => ({ items: [aDeployment()], cursor: '7' }))
    const w = world({ engine: { deployments: { list } }, store: await storeWith('res_web') })
    expect(
      await w.run('deployments', 'list', '--resource', 'web', '--status', 'failed', '-n', '3', '--cursor', '9'),
    ).toBe(0)
    expect(list).toHaveBeenCalledWith({ resourceId: 'res_web', statuses: ['failed'], limit: 3, cursor: '9' })
    expect(w.stdout.text).toContain(`${deploymentId}  res_web   process  succeeded`)
    expect(w.stdout.text).toContain('--cursor 7')
    const json = world({ engine: { deployments: { list } } })
    await json.run('deployments', 'list', '--json')
    expect(json.documents()).toMatchObject([{ kind: 'deployment' }, { kind: 'next', cursor: '7' }])
    const quiet = world({ engine: { deployments: { list } } })
    await quiet.run('deployments', 'list', '--quiet')
    expect(quiet.stdout.text).toBe(`${deploymentId}\n`)
    expect(await json.run('deployments', 'list', '--status', 'great')).toBe(2)
    expect(await json.run('deployments', 'list', '--resource', 'nobody')).toBe(4)
  })

  it('show prints the read model itself with --json', async () => {
    const w = world({ engine: { deployments: { show: async () => aDeployment() } } })
    expect(await w.run('deployments', 'show', deploymentId, '--json')).toBe(0)
    expect(w.documents()).toEqual([aDeployment()])
    const words = world({ engine: { deployments: { show: async () => aDeployment() } } })
    await words.run('deployments', 'show', deploymentId)
    expect(words.stdout.text).toContain('local-folder web')
  })

  it('events follows from a cursor and prints every envelope', async () => {
    const open = vi.fn(() => envelopesOf(events({ type: 'deployment-accepted' })))
    const w = world({ engine: { deployments: { events: open } } })
    const flags = ['--follow', '--cursor', '4', '--heartbeat', '1', '--idle-timeout', '9', '--json']
    expect(await w.run('deployments', 'events', deploymentId, ...flags)).toBe(0)
    expect(open).toHaveBeenCalledWith(
      deploymentId,
      expect.objectContaining({ follow: true, cursor: '4', heartbeatSeconds: 1, idleTimeoutSeconds: 9 }),
    )
    expect(w.documents().map(({ kind }) => kind)).toEqual(['event', 'closed'])
  })

  it('events ends with the code of an error envelope', async () => {
    const error = { code: 'store-unavailable' as const, category: 'runtime-backend' as const, message: 'gone' }
    async function* broken(): AsyncIterableIterator<Envelope> {
      yield { kind: 'error', error: { ...error, retriable: true, details: {}, recoveryHint: '' } }
    }
    const w = world({ engine: { deployments: { events: broken } } })
    expect(await w.run('deployments', 'events', deploymentId, '--json')).toBe(1)
    expect(w.documents()).toMatchObject([{ kind: 'error', error }])
  })

  it('events stops when nobody reads any more', async () => {
    let signal: AbortSignal | undefined
    const open = (_id: string, options?: { signal?: AbortSignal }): AsyncIterableIterator<Envelope> => {
      signal = options?.signal
      return (async function* () {
        yield { kind: 'heartbeat' as const, at: '', cursor: '0' }
        await new Promise<void>((resolve) => options?.signal?.addEventListener('abort', () => resolve()))
      })()
    }
    const w = world({ engine: { deployments: { events: open } } })
    const running = w.run('deployments', 'events', deploymentId, '--follow')
    await vi.waitFor(() => expect(signal).toBeDefined())
    w.stdout.die()
    expect(await running).toBe(0)
  })

  it('logs are clean for people and whole for programs', async () => {
    const text = '\u001b[31mred\u001b[0m \u001b]0;title\u0007ok'
    async function* logs(): AsyncIterableIterator<LogEntry> {
      yield { source: 'build', stream: 'stdout', text, deploymentId }
    }
    const w = world({ engine: { deployments: { logs } } })
    await w.run('deployments', 'logs', deploymentId, '--tail', '5')
    expect(w.stdout.text).toBe('build   │ red ok\n')
    const json = world({ engine: { deployments: { logs } } })
    await json.run('deployments', 'logs', deploymentId, '--json')
    expect(json.documents()).toEqual([{ kind: 'log', source: 'build', stream: 'stdout', text, deploymentId }])
  })

  it('rollback and retry pass on what was asked', async () => {
    const rollback = vi.fn(async () => aHandle(aDeployment()))
    const retry = vi.fn(async () => aHandle(aDeployment()))
    const w = world({ engine: { deployments: { rollback, retry } }, store: await storeWith('res_web') })
    await w.run('deployments', 'rollback', 'res_web', '--to', 'rel_x', '--current-secrets')
    expect(rollback).toHaveBeenCalledWith('res_web', expect.objectContaining({ to: 'rel_x', secrets: 'current' }))
    await w.run('deployments', 'retry', deploymentId)
    expect(retry).toHaveBeenCalledWith(deploymentId, expect.not.objectContaining({ secrets: 'current' }))
  })

  it('cancel asks for it', async () => {
    const cancel = vi.fn(async () => {})
    const w = world({ engine: { deployments: { cancel } } })
    expect(await w.run('deployments', 'cancel', deploymentId, '--json')).toBe(0)
    expect(w.documents()).toEqual([{ kind: 'cancel-requested', deploymentId }])
  })
})

describe('resources', () => {
  it('down takes away what was named, or what the folder deployed', async () => {
    const remove = vi.fn(async () => {})
    const cwd = folder('web')
    const w = world({ cwd, engine: { resources: { remove } }, store: await storeWith('res_web', cwd) })
    expect(await w.run('down')).toBe(0)
    expect(await w.run('down', 'res_web', '--volumes')).toBe(0)
    expect(remove.mock.calls).toEqual([
      ['res_web', {}],
      ['res_web', { volumes: true }],
    ])
    expect(await w.run('down', 'res_other')).toBe(4)
    const empty = world({ cwd: folder('web') })
    expect(await empty.run('down')).toBe(0)
    expect(empty.stdout.text).toContain('Nothing was deployed')
  })

  it.each([
    ['plan', ''],
    ['verify', '  Nothing is behind Caddy now, and its container goes on: appaloft down --proxy takes it away\n'],
  ] as const)(
    'down speaks of Caddy where it may have been started: an attempt came as far as %s',
    async (phase, said) => {
      const store = await storeWith('res_web')
      const made = sampleDeployment({ resourceId: 'res_web', target: 'ssh:a' })
      const failed: DeploymentRecord = { ...made, status: 'failed', currentPhase: phase, order: 1, version: 1 }
      store.listDeployments = async () => [failed]
      const part = { target: { key: 'ssh:a' }, removeProxy: async () => true } as unknown as TargetPart
      const w = world({ engine: { resources: { remove: async () => {} } }, store, parts: [part] })
      expect(await w.run('down', 'web')).toBe(0)
      expect(w.stdout.text).toBe(`✔ res_web is down\n${said}`)
    },
  )

  it('down leaves the resource of another folder of the same name alone', async () => {
    const w = world({ cwd: folder('web'), store: await storeWith('res_web', '/elsewhere/web') })
    expect(await w.run('down')).toBe(0)
    expect(w.stdout.text).toContain('Nothing was deployed')
  })

  describe('from a laptop whose state folder knows nothing', () => {
    const target = { records: {} } as unknown as Target
    const laptop = (problems: Problem[] = []) => {
      const store = memoryStore()
      const asked = vi.fn(async () => {
        if (problems.length === 0) await store.putResource(record('res_web', '/elsewhere/web'), null)
        return { ended: [], removed: [], routed: [], problems }
      })
      const status = async () => sampleStatus
      const rollback = vi.fn<Deployments['rollback']>(async () => aHandle(aDeployment()))
      const resources = { status, get: (id: string) => store.getResource(id) }
      const engine = { reconcile: asked, resources, deployments: { rollback } }
      const cwd = folder('web')
      writeFileSync(join(cwd, 'appaloft.config.json'), JSON.stringify({ id: 'res_web' }))
      return { w: world({ cwd, store, targets: [target], engine }), asked }
    }

    it.each([[['status']], [['status', 'web']], [['env', 'list', 'web']], [['deployments', 'rollback', 'web']]])(
      '%j asks the machines first',
      async (command) => {
        const { w, asked } = laptop()
        expect(await w.run(...command), w.stderr.text).toBe(0)
        expect(w.stdout.text).not.toContain('Nothing was deployed')
        expect(asked).toHaveBeenCalledOnce()
      },
    )

    it.each([[['status']], [['down', 'web']]])('%j says so where one does not answer', async (command) => {
      const { w } = laptop([{ resourceId: null, code: 'runtime-backend-unavailable', message: 'web1 is away.' }])
      expect(await w.run(...command)).toBe(1)
      expect(w.stderr.text).toMatch(/runtime-backend-unavailable {2}web1 is away.*appaloft doctor/s)
    })

    it('a name that no machine knows is still none', async () => {
      const { w } = laptop()
      expect(await w.run('status', 'shop')).toBe(4)
      expect(w.stderr.text).toContain('There is no resource shop')
    })
  })

  it('status ends with 1 on drift', async () => {
    const drift = [{ code: 'process-exited', message: 'it is gone' }]
    const live = { deploymentId, releaseId: 'rel_x' }
    const found = {
      resourceId: 'res_web',
      target: 'process',
      stateVersion: 1,
      urls: [],
      activeDeploymentId: null,
      problem: null,
    }
    const observed = { live: null, state: 'absent' as const, running: null }
    const w = world({
      engine: { resources: { status: async () => ({ ...found, desired: live, observed, drift }) } },
      store: await storeWith('res_web'),
    })
    expect(await w.run('status', 'web')).toBe(1)
    expect(w.stdout.text).toContain('process-exited  it is gone')
    expect(w.stdout.text).toContain('appaloft reconcile')
  })

  it('status of a machine that is away is what is known of it, with why not more, and ends with 1', async () => {
    const live = { deploymentId, releaseId: 'rel_x' }
    const urls = ['http://shop.example.com/']
    const problem = new AppaloftError('runtime-backend-unavailable', { message: 'It is away.' }).toJSON()
    const observed = { live: null, state: 'unknown' as const, running: null }
    const found = { resourceId: 'res_web', target: 'ssh:a', stateVersion: 1, urls, activeDeploymentId: null, drift: [] }
    const status = async () => ({ ...found, desired: live, observed, problem })
    const w = world({ engine: { resources: { status } }, store: await storeWith('res_web') })
    expect(await w.run('status', 'web')).toBe(1)
    expect(w.stdout.text).toMatch(/desired +dep_.*state +unknown\n.*shop\.example\.com.*unavailable {2}It is away\./s)
    const json = world({ engine: { resources: { status } }, store: await storeWith('res_web') })
    expect(await json.run('status', 'web', '--json')).toBe(1)
    expect(json.documents()).toMatchObject([{ kind: 'status', status: { problem: { code: problem.code } } }])
  })

  it('exec passes the command and its exit code through', async () => {
    const exec = vi.fn(async (_id: string, _command: unknown, options?: { onLine?(line: object): void }) => {
      options?.onLine?.({ stream: 'stdout', text: 'one' })
      options?.onLine?.({ stream: 'stderr', text: 'two' })
      return { exitCode: 7, signal: null, lastLogs: [] }
    })
    const w = world({ engine: { resources: { exec } }, store: await storeWith('res_web') })
    expect(await w.run('exec', 'web', '--', 'ls', '--json', '-q')).toBe(7)
    expect(exec.mock.calls[0]?.[1]).toEqual(['ls', '--json', '-q'])
    expect([w.stdout.text, w.stderr.text]).toEqual(['one\n', 'two\n'])
    exec.mockResolvedValue({ exitCode: null as never, signal: 'SIGKILL' as never, lastLogs: [] })
    expect(await w.run('exec', 'web', '--', 'ls')).toBe(137)
  })

  it('list, reconcile and prune tell what there is', async () => {
    const store = await storeWith('res_web')
    const list = () => store.listResources()
    const report = { ended: [{ deploymentId, status: 'interrupted' as const }], removed: [], routed: [], problems: [] }
    const prune = vi.fn(async () => ({
      releases: ['rel_a'],
      events: 0,
      kept: [{ releaseId: 'rel_b', reason: 'live' }],
    }))
    const w = world({ store, engine: { resources: { list }, reconcile: async () => report, prune } })
    const quiet = world({ engine: { resources: { list } } })
    await quiet.run('resources', 'list', '-q')
    expect(quiet.stdout.text).toBe('res_web\n')
    await w.run('resources', 'list')
    await w.run('reconcile')
    await w.run('prune', '--keep', '2', '--resource', 'web')
    expect(prune).toHaveBeenCalledWith({ keep: 2, resourceId: 'res_web' })
    expect(await w.run('prune', '--keep', '0')).toBe(2)
    for (const text of [
      `${deploymentId} (process)`,
      '/srv/web',
      'ended interrupted',
      'removed rel_a',
      'kept rel_b: live',
    ]) {
      expect(w.stdout.text).toContain(text)
    }
  })
})

describe('reconcile', () => {
  it('says of each problem what to do about it', async () => {
    const problems = [
      { resourceId: null, code: 'host-key-changed', message: 'The machine showed another key.' },
      { resourceId: 'res_web', code: 'of-a-later-version', message: 'Something else.' },
    ]
    const report = { ended: [], removed: [], routed: [], problems }
    const w = world({ engine: { reconcile: async () => report } })
    expect(await w.run('reconcile')).toBe(1)
    const [first, fix, second, ...rest] = w.stdout.text.trimEnd().split('\n')
    expect([first, second, rest]).toEqual([
      'target: host-key-changed: The machine showed another key.',
      'res_web: of-a-later-version: Something else.',
      [],
    ])
    expect(fix).toMatch(/^ {2}to recover: .*ssh-keygen -R.*appaloft\.config\.ts/)
  })
})

describe('init', () => {
  it('writes a file that is valid and says what was found', { timeout: 60_000 }, async () => {
    const cwd = folder('My Shop')
    const w = world({ cwd, engine: { deployments: { plan: async () => aPreview() } } })
    expect(await w.run('init')).toBe(0)
    const { resources } = await loadConfig(join(cwd, 'appaloft.config.ts'), { env: {} })
    expect([...resources]).toEqual([['', { id: 'res_my-shop' }]])
    expect(await w.run('init')).toBe(2)
    expect(await w.run('init', '--format', 'json')).toBe(2)
    expect(await w.run('init', '--force')).toBe(0)
  })

  it('writes the fields without which the plan is blocked', { timeout: 60_000 }, async () => {
    const cwd = folder('web')
    const unsupportedReasons = [
      reason('missing-start-intent', {
        overridePath: [{ action: 'Set it.', profileField: 'runtime.startCommand', example: "node 'a b'.js" }],
      }),
    ]
    const preview = aPreview({ readiness: { status: 'blocked' }, unsupportedReasons, commands: {}, network: null })
    const w = world({ cwd, engine: { deployments: { plan: async () => preview } } })
    expect(await w.run('init')).toBe(0)
    const { resources } = await loadConfig(join(cwd, 'appaloft.config.ts'), { env: {} })
    expect(resources.get('')).toEqual({ id: 'res_web', runtime: { startCommand: "node 'a b'.js" } })
    const json = folder('web')
    const other = world({ cwd: json, engine: { deployments: { plan: async () => preview } } })
    expect(await other.run('init', '--format', 'json', '--json')).toBe(0)
    expect(JSON.parse(readFileSync(join(json, 'appaloft.config.json'), 'utf8'))).toMatchObject({ id: 'res_web' })
  })

  it('refuses what is no folder, and writes nothing', async () => {
    const cwd = folder('web')
    writeFileSync(join(cwd, 'file'), '')
    const w = world({ cwd })
    expect(await w.run('init', 'file')).toBe(2)
    expect(existsSync(join(cwd, 'appaloft.config.ts'))).toBe(false)
  })
})
