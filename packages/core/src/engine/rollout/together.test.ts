import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { gate, hurried } from '../../../test/engine.js'
import { Fleet, ids, statuses } from '../../../test/fleet.js'
import type { DeploymentEvent } from '../../spec/events.js'

let fleet: Fleet
beforeEach(async () => {
  fleet = await Fleet.make()
})
afterEach(() => fleet.close())

const together = { promote: 'together', batch: 2 } as const

describe('promoted together', () => {
  it('no target is before all are verified, and none lets go of the former before all serve', async () => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    const events: (DeploymentEvent & { target?: string })[] = []
    const target = new Map<string, string>()
    const handle = await engine.deployments.rollout(
      { resource: fleet.definition('serve text=2') },
      {
        ...together,
        onEvent(event) {
          if (event.type === 'deployment-accepted') target.set(event.deploymentId, String(event.data.target))
          events.push(event)
        },
      },
    )
    const done = await handle.done
    expect(done.status).toBe('succeeded')
    expect(await fleet.serving()).toEqual(ids(done))
    expect(Object.values(before)).not.toContain(ids(done).a)
    const at = (wanted: (event: DeploymentEvent) => boolean) => events.flatMap((one, i) => (wanted(one) ? [i] : []))
    const check = (name: string) => at((one) => one.type === 'check-observed' && one.data.check === name)
    const promotions = at((one) => one.type === 'traffic-promoted')
    expect(promotions).toHaveLength(3)
    expect(Math.max(...check('route'))).toBeLessThan(Math.min(...promotions))
    const drains = at((one) => one.type === 'step-started' && one.step === 'drain')
    expect(Math.max(...check('access'))).toBeLessThan(Math.min(...drains))
    // What waits says so.
    const waits = events.filter((one) => one.type === 'evidence-captured' && one.data.kind === 'rollout')
    const [first] = waits.filter((one) => target.get(one.deploymentId) === 'a')
    expect(first).toMatchObject({ phase: 'verify', data: { rolloutId: handle.id, state: 'verified' } })
    expect(first?.data.waitsFor).toContain('c')
    expect(first?.message).toContain('promoted together with')
  })

  /** Each of them keeps one machine from getting the new release, at another place. */
  const faults: Record<string, { code: string; act(key: string): void }> = {
    'the fence': { code: 'internal-error', act: (key) => fail(key, 'fence', 'target') },
    'the build': { code: 'internal-error', act: (key) => fail(key, 'build') },
    'the upload': { code: 'internal-error', act: (key) => fail(key, 'upload') },
    'the start': { code: 'internal-error', act: (key) => fail(key, 'start') },
    'the staged route': { code: 'internal-error', act: (key) => fail(key, 'apply', 'proxy') },
    'the promotion': { code: 'internal-error', act: (key) => fail(key, 'apply', 'proxy', 2) },
    'the promotion, unheard': { code: 'internal-error', act: (key) => fail(key, 'apply', 'proxy', 2, 'after') },
    'the health check': { code: 'health-status-unexpected', act: (key) => sicken(key, 'start') },
    'access, after the promotion': { code: 'access-status-unexpected', act: (key) => sicken(key, 'promotion') },
  }
  let fleetNow = () => fleet
  function fail(key: string, method: string, part: 'target' | 'proxy' = 'target', nth = 1, wanted = 'before') {
    let seen = 0
    fleetNow().intercept((_, when, call) => {
      if (call.method !== method || call.part !== part || when !== wanted) return
      seen += 1
      if (seen === nth) throw new Error(`no ${method}`)
    }, key)
  }
  /** The release of one machine answers 500 from its start, or its promotion, on. */
  function sicken(key: string, since: 'start' | 'promotion') {
    let applied = 0
    const world = fleetNow().world(key)
    fleetNow().intercept((_, when, { method, deploymentId }) => {
      if (when !== 'after') return
      if (method === 'apply') applied += 1
      const sick = since === 'start' ? method === 'start' : applied >= 2
      const app = [...world.apps.values()].at(-1)
      if (sick && app !== undefined && (since === 'promotion' || app.ref.deploymentId === deploymentId) && applied < 3)
        app.script.status = 500
    }, key)
  }

  it.each(
    Object.entries(faults).flatMap(([what, { code, act }]) =>
      (['a', 'b', 'c'] as const).map((key) => [what, key, code, act] as const),
    ),
  )('%s fails on %s: none has it', async (_, key, code, act) => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    fleetNow = () => fleet
    act(key)
    const done = await (await engine.deployments.rollout({ resource: fleet.definition('serve text=2') }, together)).done
    expect(done).toMatchObject({ status: 'failed', failure: { target: key, code } })
    expect(done.failure?.recoveryHint).not.toBe('')
    for (const one of done.targets) {
      if (one.deploymentId === null) expect(one.status).toBe('not-begun')
      else expect(one).toMatchObject({ status: 'failed', code: one.target === key ? code : 'rollout-failed' })
      expect(one.rollback?.outcome ?? 'restored').toBe('restored')
    }
    fleet.calm()
    expect(await engine.deployments.showRollout(done.id)).toEqual(done)
    expect(await fleet.serving()).toEqual(before)
    expect(await fleet.owned()).toEqual(Object.fromEntries(Object.entries(before).map(([at, id]) => [at, [id]])))
  })

  it('of a first release that fails after its promotion, nothing is left anywhere', async () => {
    const engine = fleet.engine()
    fleetNow = () => fleet
    sicken('c', 'promotion')
    const done = await (await engine.deployments.rollout({ resource: fleet.definition() }, together)).done
    expect(done.failure).toMatchObject({ target: 'c', code: 'access-status-unexpected' })
    expect(done.targets.map((one) => one.rollback?.outcome)).toEqual(Array(3).fill('nothing-to-restore'))
    expect(await fleet.owned()).toEqual({ a: [], b: [], c: [] })
    expect((await engine.resources.get('res_shop'))?.live).toEqual({})
  })

  it('a release that died while it waited is not promoted, nor are the others', async () => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    let died = false
    fleet.intercept(async (_, when, { method }) => {
      if (method !== 'start' || when !== 'before' || died) return
      died = true
      const waiting = [...fleet.world('a').apps.values()].at(-1)!
      waiting.exit(9, null)
      // Longer than what was verified is believed.
      await new Promise((resolve) => setTimeout(resolve, 1100))
    }, 'c')
    const done = await (await engine.deployments.rollout({ resource: fleet.definition('serve text=2') }, together)).done
    expect(done.failure).toMatchObject({ target: 'a', code: 'process-exited' })
    expect(await fleet.serving()).toEqual(before)
    expect(fleet.worlds.map((one) => one.tables.get('res_shop')?.live?.deploymentId)).toEqual(Object.values(before))
  })

  it('waits no longer than it may', async () => {
    const engine = fleet.engine({ clock: hurried(5) })
    const before = await fleet.deployed(engine)
    const go = gate()
    fleet.intercept(async (_, when, { method, signal }) => {
      if (method !== 'build' || when !== 'before') return
      await Promise.race([go.reached, new Promise((resolve) => signal?.addEventListener('abort', resolve))])
    }, 'c')
    const options = { ...together, waitSeconds: 3 }
    const done = await (await engine.deployments.rollout({ resource: fleet.definition('serve text=2') }, options)).done
    expect(done.failure).toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(/waited for .*c/),
      recoveryHint: expect.stringContaining('waitSeconds'),
    })
    expect(statuses(done)).toEqual({ a: 'failed', b: 'failed', c: 'failed' })
    expect(await fleet.serving()).toEqual(before)
  })

  it('keeps its leases while it waits', async () => {
    const engine = fleet.engine({ clock: hurried(5) })
    await fleet.deployed(engine)
    const go = gate()
    const held = gate()
    fleet.intercept(async (_, when, { method }) => {
      if (method !== 'build' || when !== 'before') return
      held.arrive()
      await go.reached
    }, 'c')
    const handle = await engine.deployments.rollout({ resource: fleet.definition('serve text=2') }, together)
    await held.reached
    const lease = async () => (await fleet.scene.store.readLease('resource:res_shop@a'))!.beats
    const before = await lease()
    await vi.waitFor(async () => expect(await lease()).toBeGreaterThan(before), { timeout: 30_000 })
    go.arrive()
    expect((await handle.done).status).toBe('succeeded')
  })

  it('a newer deployment on one target ends the rollout on all', async () => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    const go = gate()
    const held = gate()
    fleet.intercept(async (_, when, { method, signal }) => {
      if (method !== 'build' || when !== 'before') return
      held.arrive()
      await Promise.race([go.reached, new Promise((resolve) => signal?.addEventListener('abort', resolve))])
    }, 'c')
    const handle = await engine.deployments.rollout({ resource: fleet.definition('serve text=2') }, together)
    await held.reached
    const newer = await engine.deployments.create({ resource: fleet.definition('serve text=3'), target: 'a' })
    expect((await newer.done).status).toBe('succeeded')
    const done = await handle.done
    expect(statuses(done)).toEqual({ a: 'superseded', b: 'failed', c: 'failed' })
    expect(done.failure).toMatchObject({ target: 'a', code: 'superseded' })
    expect(await fleet.serving()).toEqual({ ...before, a: newer.id })
  })
})
