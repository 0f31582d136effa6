import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { anyPlanner, blockedPlan, hurried, Scene, visit } from '../../test/engine.js'
import { AppaloftError } from '../spec/errors.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

describe('a deployment', () => {
  it('succeeds with its four checks, and its URLs answer as this deployment', async () => {
    const first = await scene.deployed(scene.engine())
    expect(first.failure).toBeNull()
    expect(first.status).toBe('succeeded')
    expect(Object.keys(first.checks).sort()).toEqual(['access', 'health', 'process', 'route'])
    for (const check of Object.values(first.checks)) expect(check).toMatchObject({ status: 'passed' })
    expect(first.accessUrls.length).toBeGreaterThan(0)
    for (const url of first.accessUrls) expect(await visit(url)).toEqual({ status: 200, deployment: first.id })
  })

  it('replaces the former release and removes it', async () => {
    const engine = scene.engine()
    const first = await scene.deployed(engine)
    const second = await scene.deployed(engine, 'serve text=two')
    expect(second.status).toBe('succeeded')
    expect(await scene.owned()).toEqual([second.id])
    expect((await visit(first.accessUrls[0]!)).deployment).toBe(second.id)
  })

  it('that is never healthy fails in verify, and the former release goes on serving', async () => {
    const engine = scene.engine()
    const first = await scene.deployed(engine)
    const second = await scene.deployed(engine, 'serve status=500')
    expect(second.status).toBe('failed')
    expect(second.failure).toMatchObject({ code: 'health-status-unexpected', phase: 'verify' })
    expect(second.rollback).toEqual({ outcome: 'restored', releaseId: first.release?.id })
    expect(await scene.owned()).toEqual([first.id])
    expect(await visit(first.accessUrls[0]!)).toEqual({ status: 200, deployment: first.id })
    expect((await engine.resources.status('res_shop')).desired?.deploymentId).toBe(first.id)
  })

  it('is foretold to a target that looks ahead, with what its build is told then; whatever comes of that', async () => {
    const { target } = scene
    const told: string[] = []
    const known: object[] = []
    const telling = (prepare: NonNullable<typeof target.prepare>) =>
      scene.engine({
        targets: [
          {
            ...target,
            prepare: (coming, previous) => {
              told.push('prepare')
              known.push({ ...coming, previous: previous?.deploymentId })
              prepare(coming, previous)
            },
            fence: async (...given: Parameters<typeof target.fence>) => {
              told.push('fence')
              await target.fence(...given)
            },
            build: (input) => {
              told.push('build')
              const { token: _token, sourceDirectory: _source, log: _log, signal: _signal, ...rest } = input
              known.push(rest)
              return target.build(input)
            },
          },
        ],
      })
    const first = await scene.deployed(telling(() => undefined))
    const second = await scene.deployed(
      telling(() => {
        throw new Error('broken')
      }),
      'serve text=two',
    )
    expect([first.status, second.status]).toEqual(['succeeded', 'succeeded'])
    expect(told).toEqual(['prepare', 'fence', 'build', 'prepare', 'fence', 'build'])
    const [one, oneBuilt, two] = known
    expect(one).toMatchObject({
      ...oneBuilt,
      deploymentId: first.id,
      releaseId: first.release?.id,
      previous: undefined,
    })
    expect(two).toMatchObject({ deploymentId: second.id, previous: first.id })
  })

  it('whose candidate exits fails with process-exited', async () => {
    const failed = await scene.deployed(scene.engine(), 'serve exit-after=0 exit-code=3 print=boom')
    expect(failed.status).toBe('failed')
    expect(failed.failure).toMatchObject({ code: 'process-exited', phase: 'verify', exitCode: 3 })
    expect(failed.failure?.lastLogs).toContain('boom')
    expect(failed.rollback?.outcome).toBe('nothing-to-restore')
    expect(await scene.owned()).toEqual([])
  })

  it('whose candidate has exited before it is routed fails with process-exited too, at once', async () => {
    const { target } = scene
    const start: typeof target.start = async (input) => {
      await target.start(input)
      while ((await target.inspect(input)).state !== 'exited') await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const engine = scene.engine({ targets: [{ ...target, start }] })
    const failed = await scene.deployed(engine, 'serve exit-after=0 exit-code=3')
    expect(failed.failure).toMatchObject({ code: 'process-exited', phase: 'verify', step: 'health', exitCode: 3 })
  })

  it('with a blocked plan fails before anything touches the target', async () => {
    const failed = await scene.deployed(scene.engine({ planners: [anyPlanner(blockedPlan)] }))
    expect(failed.status).toBe('failed')
    expect(failed.failure).toMatchObject({ phase: 'plan', reason: { code: 'missing-internal-port' } })
    expect(await scene.owned()).toEqual([])
    const effects = scene.world.calls.map((call) => call.method)
    for (const method of ['fence', 'build', 'start', 'apply']) expect(effects).not.toContain(method)
  })

  it('is refused as plan-stale where its fingerprint is no longer the present one', async () => {
    const engine = scene.engine()
    const resource = scene.definition()
    const { fingerprint } = await engine.deployments.plan({ resource })
    await scene.touch('changed')
    const stale = await (await engine.deployments.create({ resource, fingerprint })).done
    expect(stale.failure).toMatchObject({ code: 'plan-stale', phase: 'plan' })
    const { fingerprint: present } = await engine.deployments.plan({ resource })
    expect((await (await engine.deployments.create({ resource, fingerprint: present })).done).status).toBe('succeeded')
  })

  it('is retried with the plan of the failed one', async () => {
    const engine = scene.engine()
    scene.world.fail('start', new Error('no'), { part: 'target' })
    const failed = await scene.deployed(engine)
    expect(failed.status).toBe('failed')
    // The snapshot decides, not what the folder holds by now.
    await scene.touch('changed later')
    const again = await (await engine.deployments.retry(failed.id)).done
    expect(again).toMatchObject({ status: 'succeeded', trigger: 'retry', sourceDeploymentId: failed.id })
    expect(again.planFingerprint).toBe(failed.planFingerprint)
  })

  it('is rolled back to the former release without a build', async () => {
    const engine = scene.engine()
    const first = await scene.deployed(engine)
    await scene.deployed(engine, 'serve text=two')
    const builds = scene.world.builds
    const back = await (await engine.deployments.rollback('res_shop')).done
    expect(back).toMatchObject({ status: 'succeeded', trigger: 'rollback' })
    expect(back.release?.id).toBe(first.release?.id)
    expect(scene.world.builds).toBe(builds)
    expect((await visit(back.accessUrls[0]!)).deployment).toBe(back.id)
  })

  it('keeps as many releases as retention says', async () => {
    const engine = scene.engine({ retention: 2 })
    const ids = []
    for (const text of ['one', 'two', 'three'])
      ids.push((await scene.deployed(engine, `serve text=${text}`)).release?.id)
    const kept = await scene.store.listReleases({ resourceId: 'res_shop', states: ['retained'] })
    expect(kept.map((one) => one.id).sort()).toEqual(ids.slice(1).sort())
  })

  it('never shows a secret', async () => {
    const secret = 'hunter2-very-secret'
    const engine = scene.engine()
    const rest = {
      environment: { TOKEN: { value: secret, secret: true, scope: 'both' as const } },
      runtime: { startCommand: 'serve env=TOKEN', buildCommand: 'run env=TOKEN' },
    }
    const done = await scene.deployed(engine, undefined, rest)
    expect(done.status).toBe('succeeded')
    const seen: unknown[] = [done, await scene.store.getDeployment(done.id), await engine.resources.get('res_shop')]
    for await (const one of engine.deployments.events(done.id)) seen.push(one)
    const logs = []
    for await (const one of engine.deployments.logs(done.id)) logs.push(one)
    expect(logs.filter((one) => one.text.startsWith('TOKEN=')).map((one) => one.source)).toEqual(['build', 'runtime'])
    expect(JSON.stringify([seen, logs])).not.toContain(secret)
  })

  it('replaces a live release that has died', async () => {
    const engine = scene.engine()
    const first = await scene.deployed(engine)
    scene.world.crash(first.id)
    const second = await scene.deployed(engine, 'serve text=two')
    expect(second.status).toBe('succeeded')
    expect((await visit(first.accessUrls[0]!)).deployment).toBe(second.id)
  })

  const away = () => {
    throw new AppaloftError('runtime-backend-unavailable')
  }

  it('that cannot raise its fence has touched nothing, and says that the former release serves', async () => {
    const engine = scene.engine()
    const first = await scene.deployed(engine)
    scene.world.intercept = async (when, { method }) => {
      if (when === 'before' && method === 'fence') away()
    }
    const failed = await scene.deployed(engine, 'serve text=two')
    expect(failed.failure).toMatchObject({ code: 'runtime-backend-unavailable', step: 'fence' })
    expect(failed.rollback).toEqual({ outcome: 'restored', releaseId: first.release?.id })
    scene.world.intercept = null
    expect(await scene.owned()).toEqual([first.id])
  })

  it('whose target is away from its promotion to the end of its rollback is not what is wanted', async () => {
    const engine = scene.engine({ clock: hurried(20) })
    const first = await scene.deployed(engine)
    const handle = await engine.deployments.create(
      { resource: scene.definition('serve text=two') },
      {
        onEvent: ({ type }) => {
          if (type === 'traffic-promoted') scene.world.intercept = async () => away()
        },
      },
    )
    const failed = await handle.done
    expect(failed).toMatchObject({ status: 'failed', rollback: { outcome: 'failed' } })
    expect(failed.rollback?.failure?.recoveryHint).toContain('When the target answers again, reconcile')
    scene.world.intercept = null
    await engine.reconcile()
    const { desired, drift } = await engine.resources.status('res_shop')
    expect([desired?.deploymentId, drift]).toEqual([first.id, []])
    expect(await scene.owned()).toEqual([first.id])
    expect(await visit(first.accessUrls[0]!)).toEqual({ status: 200, deployment: first.id })
  })

  it('on a host port whose process ends after its health check fails with that, at once', async () => {
    const port = await freePort()
    const handle = await scene.engine().deployments.create(
      { resource: scene.definition('serve', { network: { exposure: 'direct-port', hostPort: port } }) },
      {
        onEvent: ({ type, deploymentId }) => {
          if (type === 'traffic-promoted') scene.world.crash(deploymentId)
        },
      },
    )
    const failed = await handle.done
    expect(failed.failure).toMatchObject({ code: 'process-exited', step: 'access' })
  })

  it('that fails leads to a former release that had died, and was started again elsewhere', async () => {
    const engine = scene.engine()
    const first = await scene.deployed(engine)
    const { probe } = await scene.target.reach(
      { resourceId: 'res_shop', deploymentId: first.id, releaseId: first.release?.id ?? '' },
      3000,
    )
    const port = probe[0]?.kind === 'tcp' ? probe[0].port : 0
    scene.world.crash(first.id)
    const stranger = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => stranger.listen(port, '127.0.0.1', resolve))
    try {
      const failed = await scene.deployed(engine, 'serve', { runtime: { buildCommand: 'run fail' } })
      expect(failed.failure?.phase).toBe('execute')
      expect(failed.rollback).toMatchObject({ outcome: 'restored' })
      expect(await visit(first.accessUrls[0]!)).toEqual({ status: 200, deployment: first.id })
    } finally {
      await new Promise((resolve) => stranger.close(resolve))
    }
  })

  it('without a health check does not take an error of the proxy for an answer of the release', async () => {
    const failed = await scene.deployed(scene.engine({ clock: hurried(20) }), 'serve listen=never', {
      health: { enabled: false },
    })
    expect(failed.failure).toMatchObject({ code: 'route-not-served', phase: 'verify' })
  })

  it('that answers its users with an error is given a second, and no more', async () => {
    const health = { expectedStatus: 500, intervalSeconds: 0.1, retries: 2, startPeriodSeconds: 0 }
    const failed = await scene.deployed(scene.engine(), 'serve status=500', { health })
    expect(failed.failure).toMatchObject({ code: 'access-status-unexpected', phase: 'verify' })
    // Ten looks in a tenth of a second, the others a tenth of a second apart.
    expect(failed.checks.access?.attempts).toBeGreaterThan(1)
    expect(failed.checks.access?.attempts).toBeLessThan(22)
  })

  it('on a host port fails access where nobody knows an address of it', async () => {
    const { reach } = scene.target
    let promoted = false
    const target = {
      ...scene.target,
      reach: async (...args: Parameters<typeof reach>) => (promoted ? { probe: [], upstream: [] } : reach(...args)),
    }
    const engine = scene.engine({ targets: [target], clock: hurried(20) })
    engine.on('traffic-promoted', () => {
      promoted = true
    })
    const network = { exposure: 'direct-port' as const, hostPort: await freePort(), drainSeconds: 0 }
    const failed = await scene.deployed(engine, 'serve', { network })
    expect(failed.failure).toMatchObject({ code: 'access-unreachable', phase: 'verify' })
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
