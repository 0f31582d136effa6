import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CreateOptions, Deployment, DeployRequest, ResourceDefinition } from '@appaloft/core/spec'
import { reason } from '@appaloft/core/spec'
import { describe, expect, it, vi } from 'vitest'
import { aDeployment, aHandle, deferred, deploymentId, events, temporaryFolder, world } from '../../test/support.js'

const site = (name = 'My Site') => {
  const folder = join(temporaryFolder(), name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'index.html'), 'hello')
  return folder
}

const failure = {
  code: 'health-status-unexpected' as const,
  category: 'verification' as const,
  phase: 'verify' as const,
  step: 'health' as const,
  message: 'GET /ready gave 500, expected 200.',
  inputs: [{ profileField: 'health.path', value: '/ready', from: 'profile' as const }],
  lastLogs: ['booting', '\u001b[31mno database\u001b[0m'],
  recoveryHint: 'Inspect health and network.',
  at: '2026-01-01T00:00:03.000Z',
}

describe('up', () => {
  it('deploys the folder under an id made of its name, and prints the URL', async () => {
    const cwd = site()
    const create = vi.fn(async (_request: DeployRequest, _options?: CreateOptions) => aHandle(aDeployment()))
    const w = world({ cwd, engine: { deployments: { create } } })
    expect(await w.run('up')).toBe(0)
    expect(create.mock.calls[0]?.[0]).toEqual({
      resource: { id: 'res_my-site', source: { kind: 'local-folder', path: cwd } },
    })
    expect(w.stdout.text).toContain('res_web is live')
    expect(w.stdout.text).toContain('http://127.0.0.1:4000')
    expect(w.stdout.text).toContain('GET / = 200')
    expect(w.stdout.text).not.toContain('\u001b')
    expect(w.closed).toBe(1)
  })

  it('lays the flags over the definition', async () => {
    const create = vi.fn(async (_request: DeployRequest) => aHandle(aDeployment()))
    const w = world({ cwd: site(), env: { TOKEN: 's3cret' }, engine: { deployments: { create } } })
    const flags = ['--hostname', 'a.example.com', '--hostname', 'b.example.com', '--port', '3000', '--env', 'A=1=2']
    flags.push(
      '--secret',
      'TOKEN',
      '--start',
      'node x',
      '--health-path',
      '/up',
      '--drain',
      '0',
      '--base-directory',
      'app',
    )
    flags.push('--resource', 'shop', '--force', '--target', 'process', '--fingerprint', 'abc', '--idempotency-key', 'k')
    expect(await w.run('up', ...flags)).toBe(0)
    expect(create.mock.calls[0]?.[0]).toMatchObject({
      target: 'process',
      force: true,
      fingerprint: 'abc',
      idempotencyKey: 'k',
      resource: {
        id: 'res_shop',
        source: { baseDirectory: 'app' },
        runtime: { startCommand: 'node x' },
        network: { internalPort: 3000, drainSeconds: 0 },
        health: { path: '/up' },
        access: { hostnames: ['a.example.com', 'b.example.com'] },
        environment: { A: { value: '1=2' }, TOKEN: { value: 's3cret', secret: true } },
      },
    })
  })

  it('checks what flags say as the engine would, before anything is made', async () => {
    const w = world({ cwd: site() })
    expect(await w.run('up', '--health-path', 'up', '--env', 'a-b=1', '--json')).toBe(2)
    const [line] = w.documents() as { error: { details: { issues: { path: string }[] } } }[]
    expect(line?.error.details.issues.map(({ path }) => path).sort()).toEqual(['environment.a-b', 'health.path'])
  })

  it('prints one JSON line an event and the result at the end', async () => {
    const found = events({ type: 'deployment-accepted' }, { type: 'phase-started', phase: 'detect' })
    const create = async () => aHandle(aDeployment(), found)
    const w = world({ cwd: site(), engine: { deployments: { create } } })
    expect(await w.run('up', '--json')).toBe(0)
    expect(w.documents().map(({ kind }) => kind)).toEqual(['event', 'event', 'closed', 'result'])
    expect(w.documents().at(-1)).toMatchObject({ deployment: { id: deploymentId, status: 'succeeded' } })
    expect(w.stderr.text).toBe('')
  })

  it('prints the URL alone with --quiet', async () => {
    const create = async () => aHandle(aDeployment(), events({ type: 'phase-started', phase: 'detect' }))
    const w = world({ cwd: site(), engine: { deployments: { create } } })
    await w.run('up', '-q')
    expect(w.stdout.text).toBe('http://127.0.0.1:4000\n')
    expect(w.stderr.text).toBe('')
  })

  it('tells a failure with step, inputs, last lines, the way back and what became of the former release', async () => {
    const deployment = aDeployment({
      status: 'failed',
      currentPhase: 'verify',
      failure,
      rollback: { outcome: 'restored', releaseId: 'rel_x' },
      nextActions: [{ verb: 'retry', command: 'appaloft deployments retry dep_x', reason: 'the same once more' }],
    })
    const w = world({ cwd: site(), engine: { deployments: { create: async () => aHandle(deployment) } } })
    expect(await w.run('up')).toBe(1)
    for (const text of [
      'health-status-unexpected (verify, step health)',
      'GET /ready gave 500',
      'health.path = /ready (profile)',
      '│ no database',
      'Inspect health and network.',
      'rollback: restored',
      'appaloft deployments retry dep_x',
    ]) {
      expect(w.stdout.text).toContain(text)
    }
    expect(w.stdout.text).not.toContain('\u001b')
  })

  it('ends with 3 for a blocked plan, with every way out of it', async () => {
    const why = reason('missing-start-intent', {
      fixPath: [{ action: 'Add a start script.', example: '"start": "node server.js"' }],
      overridePath: [
        { action: 'Set runtime.startCommand.', profileField: 'runtime.startCommand', example: 'node a.js' },
      ],
    })
    const deployment = aDeployment({
      status: 'failed',
      currentPhase: 'plan',
      failure: { ...failure, code: 'missing-start-intent', phase: 'plan', step: undefined, reason: why },
    })
    const w = world({ cwd: site(), engine: { deployments: { create: async () => aHandle(deployment) } } })
    expect(await w.run('up')).toBe(3)
    expect(w.stdout.text).toContain('fix: Add a start script.')
    expect(w.stdout.text).toContain('e.g. node a.js')
  })

  it('ends with 1 for a stale plan: nothing is wrong with the source', async () => {
    const stale = { ...failure, code: 'plan-stale' as const, phase: 'plan' as const, reason: reason('plan-stale') }
    const deployment = aDeployment({ status: 'failed', currentPhase: 'plan', failure: stale })
    const w = world({ cwd: site(), engine: { deployments: { create: async () => aHandle(deployment) } } })
    expect(await w.run('up', '--fingerprint', 'old')).toBe(1)
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('cancels on %s, says so, and ends with %i', async (signal, code) => {
    const ended = deferred<Deployment>()
    const cancel = vi.fn(async () => ended.resolve(aDeployment({ status: 'canceled', currentPhase: 'execute' })))
    const create = async () => ({ ...aHandle(aDeployment(), []), done: ended.promise })
    const w = world({ cwd: site(), engine: { deployments: { create, cancel } } })
    const running = w.run('up')
    await vi.waitFor(() => expect(w.stdout.text).toContain(deploymentId))
    w.signals.listener?.(signal)
    expect(await running).toBe(code)
    expect(cancel).toHaveBeenCalledExactlyOnceWith(deploymentId)
    expect(w.stdout.text).toContain('canceling')
    expect(w.signals.listener).toBeUndefined()
  })

  it('aborts an attempt that is not recorded yet', async () => {
    let signal: AbortSignal | undefined
    const create = (_request: DeployRequest, options?: CreateOptions) => {
      signal = options?.signal
      return new Promise<never>(() => {})
    }
    const w = world({ cwd: site(), engine: { deployments: { create } } })
    void w.run('up')
    await vi.waitFor(() => expect(signal).toBeDefined())
    w.signals.listener?.('SIGINT')
    expect(signal?.aborted).toBe(true)
  })

  it('is a success when the promotion came first', async () => {
    const ended = deferred<Deployment>()
    const cancel = async () => {
      ended.resolve(aDeployment())
      throw new Error('The deployment already takes the traffic.')
    }
    const create = vi.fn(async () => ({ ...aHandle(aDeployment(), []), done: ended.promise }))
    const cwd = site()
    writeFileSync(join(cwd, 'appaloft.config.json'), JSON.stringify({ resources: { one: {}, two: {} } }))
    const w = world({ cwd, engine: { deployments: { create, cancel } } })
    const running = w.run('up')
    await vi.waitFor(() => expect(w.stdout.text).toContain(deploymentId))
    w.signals.listener?.('SIGINT')
    expect(await running).toBe(0)
    expect(w.stdout.text).toContain('can no longer be canceled')
    expect(create).toHaveBeenCalledTimes(1)
  })

  it('goes on when nobody reads any more', async () => {
    const ended = deferred<Deployment>()
    const cancel = vi.fn()
    const create = async () => ({ ...aHandle(aDeployment(), []), done: ended.promise })
    const w = world({ cwd: site(), engine: { deployments: { create, cancel } } })
    const running = w.run('up')
    await vi.waitFor(() => expect(w.stdout.text).toContain(deploymentId))
    w.stdout.die()
    ended.resolve(aDeployment())
    expect(await running).toBe(0)
    expect(cancel).not.toHaveBeenCalled()
  })

  it('hands a detached attempt over with its secrets outside of any argument', async () => {
    const w = world({ cwd: site('web'), stdin: 'from stdin\n'.trim() })
    expect(await w.run('up', '--detach', '--secret', 'TOKEN=-')).toBe(0)
    expect(w.stdout.text).toBe(`${deploymentId}\n`)
    const resource = (w.jobs[0] as { request: DeployRequest }).request.resource as ResourceDefinition
    expect(resource.environment).toEqual({ TOKEN: { value: 'from stdin', secret: true } })
    const json = world({ cwd: site('web') })
    await json.run('up', '--detach', '--json')
    expect(json.documents()).toEqual([{ kind: 'accepted', deploymentId }])
  })

  it('tells why a detached attempt was refused', async () => {
    const error = {
      code: 'target-not-found' as const,
      category: 'input' as const,
      message: 'no such target',
      retriable: false,
      details: {},
      recoveryHint: 'name another',
    }
    const w = world({ cwd: site(), detach: async () => ({ error }) })
    expect(await w.run('up', '--detach', '--target', 'docker')).toBe(4)
    expect(w.stderr.text).toContain('no such target')
  })

  it('refuses the value of a secret on the command line, and never repeats it', async () => {
    const w = world({ cwd: site() })
    expect(await w.run('up', '--secret', 'TOKEN=hunter2', '--json')).toBe(2)
    expect(w.stderr.text + w.stdout.text).not.toContain('hunter2')
    expect(await world({ cwd: site() }).run('up', '--secret', 'TOKEN')).toBe(2)
  })

  it('deploys every resource of the configuration in order, and stops at the first that fails', async () => {
    const cwd = site()
    const config = { resources: { api: { source: { kind: 'local-folder', path: 'api' } }, web: {}, worker: {} } }
    writeFileSync(join(cwd, 'appaloft.config.json'), JSON.stringify(config))
    const create = vi.fn(async (request: DeployRequest) => {
      const { id } = request.resource as ResourceDefinition
      return aHandle(aDeployment(id === 'res_web' ? { status: 'failed', failure } : {}))
    })
    const w = world({ cwd, engine: { deployments: { create } } })
    expect(await w.run('up')).toBe(1)
    expect(create.mock.calls.map(([{ resource }]) => (resource as ResourceDefinition).id)).toEqual([
      'res_api',
      'res_web',
    ])
    expect(create.mock.calls[0]?.[0].resource).toMatchObject({ source: { path: join(cwd, 'api') } })
    expect(await w.run('up', '--port', '1')).toBe(2)
    expect(await w.run('up', '--resource', 'worker', '--port', '1')).toBe(0)
    expect(await w.run('up', '--resource', 'nobody')).toBe(4)
  })
})
