import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { anyPlanner } from '../../../test/engine.js'
import { Fleet, ids, statuses } from '../../../test/fleet.js'
import type { DeploymentEvent } from '../../spec/events.js'

let fleet: Fleet
beforeEach(async () => {
  fleet = await Fleet.make()
})
afterEach(() => fleet.close())

/** The new release fails on one machine alone. */
const brokenOn = (key: string, behaviour: { status?: number; exitAfter?: number }) =>
  fleet.targets.map((target) =>
    target.key === key
      ? {
          ...target,
          start: async (input: Parameters<typeof target.start>[0]) => {
            const plan = { ...input.release.plan }
            const command = `serve status=${behaviour.status ?? 200}${behaviour.exitAfter === undefined ? '' : ` exit-after=${behaviour.exitAfter}`}`
            plan.commands = { ...plan.commands, start: { command, from: 'profile' as const } }
            await target.start({ ...input, release: { ...input.release, plan } })
          },
        }
      : target,
  )

describe('a rollout', () => {
  it('brings a release to every target, one after the other', async () => {
    const engine = fleet.engine()
    const events: DeploymentEvent[] = []
    const handle = await engine.deployments.rollout(
      { resource: fleet.definition() },
      { onEvent: (event) => void events.push(event) },
    )
    expect(handle.id).toMatch(/^rol_[0-9a-z]{26}$/)
    expect(handle.deployments.map((one) => one.target)).toEqual(['a'])
    expect((await engine.deployments.showRollout(handle.id)).status).toBeNull()
    const done = await handle.done
    expect(await engine.deployments.showRollout(handle.id)).toEqual(done)
    expect(done).toMatchObject({ id: handle.id, resourceId: 'res_shop', status: 'succeeded', failure: null })
    expect(handle.deployments.map((one) => one.target)).toEqual(['a', 'b', 'c'])
    expect(await fleet.serving()).toEqual(ids(done))
    const accepted = events.filter((one) => one.type === 'deployment-accepted')
    expect(accepted.map((one) => one.data)).toEqual(
      ['a', 'b', 'c'].map((target) => expect.objectContaining({ target, rollout: handle.id })),
    )
    // The next begins when access has passed: the drain of the one before is not waited for.
    const order = events.filter((one) => one.type === 'deployment-accepted' || one.type === 'check-observed')
    const second = order.findIndex((one) => one.data.target === 'b')
    expect(order[second - 1]).toMatchObject({ type: 'check-observed', data: { check: 'access' } })
    for (const { deploymentId } of handle.deployments)
      expect(await engine.deployments.show(deploymentId)).toMatchObject({ rolloutId: handle.id, trigger: 'create' })
  })

  it('goes to no more targets at a time than it says', async () => {
    const six = await Fleet.make(['a', 'b', 'c', 'd', 'e', 'f'])
    const measured = async (batch: number | { first: number; rest: number }, promote: 'each' | 'together') => {
      const under = new Set<string>()
      const most: number[] = []
      const until = promote === 'each' ? 'access' : 'route'
      const { done } = await six.engine().deployments.rollout(
        { resource: six.definition(`serve text=${JSON.stringify(batch)}`) },
        {
          batch,
          promote,
          onEvent({ type, data, deploymentId }) {
            if (type === 'deployment-accepted') most.push(under.add(deploymentId).size)
            if (type === 'check-observed' && data.check === until && data.status === 'passed')
              under.delete(deploymentId)
          },
        },
      )
      expect((await done).status).toBe('succeeded')
      return { first: most[0], most: Math.max(...most) }
    }
    try {
      expect(await measured(1, 'each')).toEqual({ first: 1, most: 1 })
      expect(await measured(2, 'each')).toEqual({ first: 1, most: 2 })
      expect((await measured({ first: 1, rest: 4 }, 'each')).most).toBe(4)
      expect((await measured(4, 'together')).most).toBe(4)
    } finally {
      await six.close()
    }
  })

  it('that fails on its first target leaves the others untouched', async () => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    const calls = () =>
      fleet.worlds.slice(1).map((one) => one.calls.filter(({ method }) => method !== 'endpoint').length)
    const former = calls()
    const done = await (await engine.deployments.rollout({ resource: fleet.definition('serve status=500') })).done
    expect(done).toMatchObject({ status: 'failed', failure: { target: 'a', code: 'health-status-unexpected' } })
    expect(done.failure?.recoveryHint).toContain('health')
    expect(done.targets).toEqual([
      expect.objectContaining({ target: 'a', status: 'failed', rollback: { outcome: 'restored', deploymentId: null } }),
      { target: 'b', deploymentId: null, status: 'not-begun', code: null, rollback: null },
      { target: 'c', deploymentId: null, status: 'not-begun', code: null, rollback: null },
    ])
    expect(calls()).toEqual(former)
    expect(await fleet.serving()).toEqual(before)
  })

  it('that fails on its second target: the first keeps it, or goes back by an attempt of its own', async () => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    const broken = fleet.engine({ targets: brokenOn('b', { status: 500 }) })
    const stop = await (await broken.deployments.rollout({ resource: fleet.definition('serve text=2') })).done
    expect(statuses(stop)).toEqual({ a: 'succeeded', b: 'failed', c: 'not-begun' })
    expect(await fleet.serving()).toEqual({ ...before, a: ids(stop).a })

    const options = { onFailure: 'rollback' as const }
    const back = await (await broken.deployments.rollout({ resource: fleet.definition('serve text=3') }, options)).done
    expect(back).toMatchObject({ status: 'failed', failure: { target: 'b', code: 'health-status-unexpected' } })
    expect(statuses(back)).toEqual({ a: 'succeeded', b: 'failed', c: 'not-begun' })
    expect(await engine.deployments.showRollout(back.id)).toEqual(back)
    const undone = back.targets[0]!.rollback!
    expect(undone.outcome).toBe('restored')
    expect(await engine.deployments.show(undone.deploymentId!)).toMatchObject({
      trigger: 'rollback',
      rolloutId: back.id,
      release: { id: (await engine.deployments.show(ids(stop).a!)).release!.id, live: true },
    })
    expect(await fleet.serving()).toEqual({ ...before, a: undone.deploymentId })
  })

  it('of a first release that fails and goes back takes it out everywhere', async () => {
    const engine = fleet.engine({ targets: brokenOn('c', { status: 500 }) })
    const options = { onFailure: 'rollback' as const }
    const done = await (await engine.deployments.rollout({ resource: fleet.definition() }, options)).done
    expect(done.failure).toMatchObject({ target: 'c', code: 'health-status-unexpected' })
    expect(done.targets.map((one) => [one.status, one.code, one.rollback?.outcome])).toEqual([
      ['failed', 'rollout-failed', 'nothing-to-restore'],
      ['failed', 'rollout-failed', 'nothing-to-restore'],
      ['failed', 'health-status-unexpected', 'nothing-to-restore'],
    ])
    expect(await fleet.owned()).toEqual({ a: [], b: [], c: [] })
    expect((await engine.resources.get('res_shop'))?.live).toEqual({})
  })

  it('gives every target the same source', async () => {
    const engine = fleet.engine()
    let touched = false
    const done = await (
      await engine.deployments.rollout(
        { resource: fleet.definition() },
        {
          onEvent({ type }) {
            if (type === 'traffic-promoted' && !touched) void fleet.scene.touch('changed')
            touched ||= type === 'traffic-promoted'
          },
        },
      )
    ).done
    expect(done).toMatchObject({ status: 'failed', failure: { target: 'b', code: 'plan-stale' } })
    expect(done.failure?.message).toContain('first target')
    expect(statuses(done)).toEqual({ a: 'succeeded', b: 'failed', c: 'not-begun' })
    expect((await engine.deployments.show(ids(done).b!)).failure).toMatchObject({ phase: 'plan' })
  })
})

describe('a rollout of a former release', () => {
  it('brings every target back, or what another rollout made', async () => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    const first = (await engine.deployments.show(before.a!)).rolloutId!
    await fleet.deployed(engine, 'serve text=2')
    await fleet.deployed(engine, 'serve text=3')
    const releases = async (of: Record<string, string | null>) =>
      Promise.all(Object.values(of).map(async (id) => (await engine.deployments.show(id!)).release!.id))
    const back = await (await engine.deployments.rollout({ resource: 'res_shop', rollback: { to: first } })).done
    expect(back.status).toBe('succeeded')
    expect(await fleet.serving()).toEqual(ids(back))
    expect(await releases(ids(back))).toEqual(await releases(before))
    for (const one of back.targets)
      expect(await engine.deployments.show(one.deploymentId!)).toMatchObject({
        trigger: 'rollback',
        rolloutId: back.id,
      })
    const again = await (await engine.deployments.rollout({ resource: 'res_shop', rollback: {} })).done
    expect(again.status).toBe('succeeded')
  })

  it('is refused where one target has nothing to go back to, before anything begins', async () => {
    const engine = fleet.engine()
    await fleet.deployed(engine)
    const two = { targets: ['a', 'b'] }
    await (await engine.deployments.rollout({ resource: fleet.definition('serve text=2') }, two)).done
    const refused = engine.deployments.rollout({ resource: 'res_shop', rollback: {} })
    await expect(refused).rejects.toMatchObject({ code: 'nothing-to-roll-back', details: { target: 'c' } })
    const attempts = (await engine.deployments.list()).items.length
    expect(attempts).toBe(5)
  })

  it('together is all or none as well', async () => {
    const engine = fleet.engine()
    await fleet.deployed(engine)
    const present = await fleet.deployed(engine, 'serve text=2')
    const broken = fleet.engine({ targets: brokenOn('c', { status: 500 }) })
    const request = { resource: 'res_shop', rollback: {} }
    const done = await (await broken.deployments.rollout(request, { promote: 'together', batch: 2 })).done
    expect(statuses(done)).toEqual({ a: 'failed', b: 'failed', c: 'failed' })
    expect(await fleet.serving()).toEqual(present)
  })
})

describe('input', () => {
  const resource = { id: 'res_shop', source: { kind: 'docker-image', image: 'x' } } as const
  it.each([
    ['an empty list', { targets: [] }, 'invalid-input', /targets: name at least one/],
    ['a target twice', { targets: ['a', 'b', 'a'] }, 'invalid-input', /targets\.2: a is named twice/],
    ['an unknown target', { targets: ['a', 'z'] }, 'target-not-found', /no target z; there are: a, b, c/],
    ['a batch of none', { batch: 0 }, 'invalid-input', /batch/],
    ['a batch of none, later', { batch: { first: 1, rest: 0 } }, 'invalid-input', /batch/],
    ['an unknown option', { together: true }, 'invalid-input', /together/],
    ['a promotion that is none', { promote: 'all' }, 'invalid-input', /promote/],
  ])('%s is refused with its path', async (_, options, code, message) => {
    const refused = fleet.engine().deployments.rollout({ resource }, options as never)
    await expect(refused).rejects.toMatchObject({ code })
    await expect(refused).rejects.toThrow(message)
  })

  it.each([
    ['a target', { resource, target: 'a' }, /target/],
    ['a definition to roll back', { resource, rollback: {} }, /resource: with rollback/],
    ['a commit to roll back', { resource: 'res_shop', rollback: {}, gitRef: 'main' }, /gitRef: not with rollback/],
    ['secrets without rollback', { resource, secrets: 'current' }, /secrets: only with rollback/],
  ])('%s is refused', async (_, request, message) => {
    await expect(fleet.engine().deployments.rollout(request as never)).rejects.toThrow(message)
  })

  it('a release of one target is refused for several', async () => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    const { release } = await engine.deployments.show(before.a!)
    const request = { resource: 'res_shop', rollback: { to: release!.id } }
    await expect(engine.deployments.rollout(request)).rejects.toThrow(/is a release of one target/)
    const done = await (await engine.deployments.rollout(request, { targets: ['a'] })).done
    expect(done.status).toBe('succeeded')
  })

  it('an engine that keeps one release cannot take one back later', async () => {
    const engine = fleet.engine({ retention: 1 })
    const refused = engine.deployments.rollout({ resource: fleet.definition() }, { onFailure: 'rollback' })
    await expect(refused).rejects.toMatchObject({
      code: 'invalid-input',
      recoveryHint: expect.stringContaining('retention'),
    })
  })

  it('a plan that is blocked stops at the first target', async () => {
    const engine = fleet.engine({ planners: [{ ...anyPlanner(), detect: async () => null }] })
    const done = await (await engine.deployments.rollout({ resource: fleet.definition() })).done
    expect(statuses(done)).toEqual({ a: 'failed', b: 'not-begun', c: 'not-begun' })
  })
})
