import { memoryStore, rolloutFingerprint } from '@appaloft/core'
import {
  type Appaloft,
  AppaloftError,
  type DeployRequest,
  type Resources,
  type Rollout,
  type RolloutOptions,
  type RolloutRequest,
  type RolloutTarget,
  type Store,
} from '@appaloft/core/spec'
import { describe, expect, it, vi } from 'vitest'
import { aDeployment, aHandle, aPreview, deploymentId, events, releaseId, world } from '../test/support.js'
import { runJob } from './job.js'

const keys = ['ssh:a', 'ssh:b']
const target = (key: string, parts: Partial<RolloutTarget> = {}): RolloutTarget => ({
  ...{ target: key, deploymentId, status: 'succeeded', code: null, rollback: null },
  ...parts,
})
const all: Rollout = {
  ...{ id: 'rol_1', resourceId: 'res_web', status: 'succeeded', failure: null },
  targets: keys.map((key) => target(key)),
}
const failed: Rollout = {
  ...all,
  status: 'failed',
  targets: [
    target('ssh:a', {
      status: 'failed',
      code: 'health-timeout',
      rollback: { outcome: 'restored', deploymentId: null },
    }),
    target('ssh:b', { deploymentId: null, status: 'not-begun' }),
  ],
  failure: {
    target: 'ssh:a',
    deploymentId: null,
    code: 'health-timeout',
    message: 'It is not well.',
    recoveryHint: 'Heal it.',
  },
}

/** A command line that two machines are asked for on, and what their rollouts were asked. */
function several(
  outcome: Rollout,
  store: Store = memoryStore(),
  machines: readonly string[] = keys,
  resources: Partial<Resources> = {},
) {
  const calls: [RolloutRequest, RolloutOptions][] = []
  const engine = {
    resources: { get: (id: string) => store.getResource(id), ...resources },
    deployments: {
      show: async () => aDeployment({ accessUrls: ['http://web.example/'] }),
      async rollout(request: RolloutRequest, options: RolloutOptions = {}) {
        calls.push([request, options])
        for (const event of events({ type: 'deployment-accepted' })) options.onEvent?.(event)
        const deployments = keys.map((key) => ({ target: key, deploymentId }))
        return { id: 'rol_1', deployments, done: Promise.resolve(outcome) }
      },
    },
  }
  return { w: world({ machines, store, engine }), calls, engine }
}

async function liveOn(...on: string[]): Promise<Store> {
  const store = memoryStore()
  const definition = { id: 'res_web', source: { kind: 'local-folder' as const, path: '/a' } }
  const live = Object.fromEntries(on.map((key) => [key, { deploymentId, releaseId }]))
  await store.putResource({ id: 'res_web', definition, live, createdAt: '', updatedAt: '' }, null)
  return store
}

describe('several machines', () => {
  it('get one release, one after the other, each named', async () => {
    const { w, calls } = several(all)
    expect(await w.run('up', '--host', 'a', '--host', 'b')).toBe(0)
    expect(calls[0]?.[1]).toMatchObject({ targets: keys })
    expect(calls[0]?.[1]).not.toHaveProperty('promote')
    expect(w.stdout.text).toMatch(/^rol_1\nssh:a .*accepted/)
    expect(w.stdout.text).toMatch(/is live on all\n {2}ssh:a +succeeded.*\n {2}ssh:b +succeeded/)
    expect(w.stdout.text).toContain('http://web.example/')
  })

  it('get it in batches, or together', async () => {
    const { w, calls } = several(all)
    expect(await w.run('up', '--host', 'a', '--host', 'b', '--batch', '1,4', '--together', '--force')).toBe(0)
    expect(calls[0]).toMatchObject([{ force: true }, { batch: { first: 1, rest: 4 }, promote: 'together' }])
    await w.run('up', '--host', 'a', '--host', 'b', '--batch', '2')
    expect(calls[1]?.[1]).toMatchObject({ batch: 2 })
  })

  it('tell which of them failed, why, and which were not begun', async () => {
    const { w } = several(failed)
    expect(await w.run('up', '--host', 'a', '--host', 'b')).toBe(1)
    expect(w.stdout.text).toMatch(/ssh:a +failed +health-timeout, rollback: restored/)
    expect(w.stdout.text).toMatch(/ssh:b +not-begun/)
    expect(w.stdout.text).toContain('health-timeout  It is not well.  Heal it.')
  })

  it('are told what to run next, where some of them did not get it', async () => {
    const partly: Rollout = { ...failed, targets: [target('ssh:a'), target('ssh:b', { status: 'failed' })] }
    const get = async (on: string[]) => (await liveOn(...on)).getResource('res_web')
    const told = async (rollout: Rollout, ...on: string[]) => {
      const { w } = several(rollout, memoryStore(), keys, { get: () => get(on) })
      expect(await w.run('up', '--host', 'a', '--host', 'b')).toBe(1)
      return w.stdout.text.slice(w.stdout.text.indexOf('  next:'))
    }
    const first = await told(partly, 'ssh:a')
    expect(first).toMatch(/appaloft up --resource res_web --host a --host b +Roll out again: ssh:b did not get it\./)
    expect(first).toMatch(new RegExp(`appaloft deployments rollback ${deploymentId} +Take ssh:a back`))
    const later = await told(failed, ...keys)
    expect(later).toMatch(/appaloft redeploy res_web +Roll out again: ssh:a, ssh:b did not get it\./)
    expect(later).not.toContain('rollback dep_')
  })

  it('are JSON lines for programs', async () => {
    const { w } = several(failed)
    expect(await w.run('up', '--host', 'a', '--host', 'b', '--json')).toBe(1)
    expect(w.documents()).toMatchObject([
      { kind: 'event' },
      { kind: 'result', rollout: { id: 'rol_1', status: 'failed' } },
    ])
  })

  it.each([
    [['--batch', '0'], 'not a number of machines'],
    [['--batch', '1,2,3'], 'not a number of machines'],
  ])('refuse %j', async (flags, text) => {
    const { w, calls } = several(all)
    expect(await w.run('up', '--host', 'a', '--host', 'b', ...flags)).toBe(2)
    expect(w.stderr.text).toContain(text)
    expect(calls).toEqual([])
  })

  it('have a plan that is shown once, with the fingerprint that up takes for all of them', async () => {
    const plan = async ({ target }: DeployRequest) => aPreview({ fingerprint: `of ${target}` })
    const planning = () => world({ machines: keys, engine: { deployments: { plan } } })
    const w = planning()
    expect(await w.run('plan', '--host', 'a', '--host', 'b')).toBe(0)
    const together = rolloutFingerprint({ 'ssh:a': 'of ssh:a', 'ssh:b': 'of ssh:b' })
    expect(w.stdout.text.match(/Plan for .*/g)).toEqual([expect.stringContaining('on ssh:a, ssh:b')])
    expect(w.stdout.text).toContain(together)
    const json = planning()
    expect(await json.run('plan', '--host', 'a', '--host', 'b', '--json')).toBe(0)
    expect(json.documents()).toMatchObject(
      keys.map((target) => ({ target, fingerprint: `of ${target}`, rolloutFingerprint: together })),
    )
    const { w: up, calls } = several(all)
    const flags = ['--fingerprint', together, '--idempotency-key', 'k']
    expect(await up.run('up', '--host', 'a', '--host', 'b', ...flags)).toBe(0)
    expect(calls).toMatchObject([[{ fingerprint: together, idempotencyKey: 'k' }, { targets: keys }]])
    expect(calls[0]?.[0]).not.toHaveProperty('target')
  })

  it('go back and are deployed again as one, without being named', async () => {
    const { w, calls } = several(all, await liveOn(...keys))
    expect(await w.run('deployments', 'rollback', 'web', '--together')).toBe(0)
    expect(await w.run('redeploy', 'web')).toBe(0)
    const unnamed = several(all, await liveOn(...keys), [])
    expect(await unnamed.w.run('up', '--resource', 'res_web')).toBe(0)
    expect(unnamed.calls[0]?.[1]).toMatchObject({ targets: keys })
    expect(calls).toMatchObject([
      [
        { resource: 'res_web', rollback: {} },
        { targets: keys, promote: 'together' },
      ],
      [{ resource: 'res_web' }, { targets: keys }],
    ])
  })

  it('are deployed to in a process of its own, whose id is told', async () => {
    const w = world({ machines: keys, detach: async () => ({ rolloutId: 'rol_1' }) })
    expect(await w.run('up', '--host', 'a', '--host', 'b', '--together', '--detach')).toBe(0)
    expect(w.stdout.text).toBe('rol_1\n')
    expect(w.jobs).toMatchObject([
      { targets: { host: ['a', 'b'] }, rollout: {}, options: { targets: keys, promote: 'together' } },
    ])
    expect(await w.run('up', '--host', 'a', '--host', 'b', '--detach', '--json')).toBe(0)
    expect(w.stdout.lines.slice(1)).toEqual(['{"kind":"accepted","rolloutId":"rol_1"}'])
    const { calls, engine: rolling } = several(all)
    const told: object[] = []
    const engine = { ...rolling, close: async () => {} } as unknown as Appaloft
    await runJob(w.jobs[0]!, {
      answer: async (answer) => void told.push(answer),
      compose: async () => ({ engine, store: memoryStore(), targets: [], stateDir: '' }),
      signal: new AbortController().signal,
    })
    expect([told, calls]).toMatchObject([[{ rolloutId: 'rol_1' }], [[{}, { targets: keys, promote: 'together' }]]])
  })

  it('are shown and canceled as one', async () => {
    const cancel = vi.fn(async () => {})
    const shown = { ...failed, status: null }
    const w = world({
      engine: { deployments: { cancel, showRollout: async () => shown, show: async () => aDeployment() } },
    })
    expect(await w.run('deployments', 'show', 'rol_1')).toBe(0)
    expect(w.stdout.text).toMatch(/res_web is under way\n {2}ssh:a +failed/)
    expect(await w.run('deployments', 'cancel', 'rol_1')).toBe(0)
    expect(cancel.mock.calls).toEqual([['rol_1']])
    expect(w.stdout.text).toContain('appaloft deployments show rol_1 shows it')
  })

  it('are planned for each, and what is alike is shown once', async () => {
    const asked: unknown[] = []
    const plan = async ({ target }: DeployRequest) => {
      asked.push(target)
      return aPreview(target === 'ssh:c' ? { readiness: { status: 'blocked' as const } } : {})
    }
    const machines = [...keys, 'ssh:c']
    const w = world({ machines, engine: { deployments: { plan } } })
    expect(await w.run('plan', '--host', 'a', '--host', 'b', '--host', 'c')).toBe(3)
    expect(asked).toEqual(machines)
    expect(w.stdout.text.match(/Plan for .*/g)).toEqual([
      expect.stringMatching(/^Plan for res_\S+ on ssh:a, ssh:b: ready$/),
      expect.stringMatching(/^Plan for res_\S+ on ssh:c: blocked$/),
    ])
    const json = world({ machines, engine: { deployments: { plan } } })
    await json.run('plan', '--host', 'a', '--host', 'b', '--host', 'c', '--json')
    expect(json.documents().map((one) => one.target)).toEqual(machines)
    const live = world({ store: await liveOn(...keys), engine: { deployments: { plan } } })
    await live.run('plan', '--resource', 'res_web', '--quiet')
    expect(live.stdout.text).toBe('res_web ready on ssh:a, ssh:b\n')
  })

  it('have a changed variable at once with --redeploy', async () => {
    const store = await liveOn(...keys)
    const record = (await store.getResource('res_web'))!
    const setVariables = async () => ({ ...record, stateVersion: record.stateVersion + 1 })
    const redeploy = vi.fn<Resources['redeploy']>(async () => aHandle(aDeployment()))
    const { w, calls } = several(all, store, keys, { setVariables, redeploy })
    expect(await w.run('env', 'set', 'web', 'A=1', '--redeploy')).toBe(0)
    expect(calls).toMatchObject([[{ resource: 'res_web' }, { targets: keys }]])
    expect(await w.run('env', 'set', 'web', 'A=1', '--redeploy', '--target', 'ssh:b')).toBe(0)
    expect(redeploy.mock.calls).toMatchObject([['res_web', { target: 'ssh:b' }]])
  })

  it('are told of by status, whichever of them is away', async () => {
    const status: Resources['status'] = async (id, { target = '' } = {}) => {
      if (target === 'ssh:a') throw new AppaloftError('runtime-backend-unavailable', { message: 'It is away.' })
      const seen = { live: null, state: 'running' as const, running: null }
      const rest = { stateVersion: 1, desired: null, urls: [], drift: [], activeDeploymentId: null, problem: null }
      return { resourceId: id, target, observed: seen, ...rest }
    }
    const w = world({ store: await liveOn(...keys), engine: { resources: { status } } })
    expect(await w.run('status', 'web')).toBe(1)
    expect(w.stdout.text).toMatch(
      /on ssh:a\n {2}state +unknown\n[^\n]*runtime-backend-unavailable {2}It is away.*on ssh:b\n/s,
    )
    const json = world({ store: await liveOn(...keys), engine: { resources: { status } } })
    expect(await json.run('status', 'web', '--json')).toBe(1)
    expect(json.documents()).toMatchObject([
      { kind: 'status-unknown', target: 'ssh:a', error: { code: 'runtime-backend-unavailable' } },
      { kind: 'status', status: { target: 'ssh:b' } },
    ])
    // Where it is the only one, the error is the answer.
    expect(await w.run('status', 'web', '--target', 'ssh:b')).toBe(0)
  })

  it('are no flags for one machine', async () => {
    const w = world({ machines: ['ssh:a'] })
    expect(await w.run('up', '--host', 'a', '--together')).toBe(2)
    expect(w.stderr.text).toContain('Name each of them with --host')
  })
})
