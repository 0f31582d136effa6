import { fakeTarget } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { anyPlanner, gate, hurried, Scene } from '../../test/engine.js'
import { type AppaloftOptions, memoryStore } from '../index.js'
import { resourceLeaseKey } from '../spec/lease.js'
import type { Planner } from '../spec/planner.js'

let scene: Scene
/** One machine elsewhere. */
const far = (options: Partial<AppaloftOptions> = {}) =>
  scene.engine({ targets: [{ ...scene.target, address: 'web1' }], ...options })
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

const reads = ['lease.read', 'mark']
/** What was asked of the machine, from a moment on, until a fence was raised. */
const asked = (from: number) => {
  const names = scene.world.calls.slice(from).map(({ part, method }) => (part === 'proxy' ? `proxy.${method}` : method))
  return names.slice(
    0,
    names.findIndex((name) => /fence$/.test(name)),
  )
}

/** A planner whose look at the source waits until something holds. */
const waiting = (until: () => Promise<unknown>): Planner => ({
  ...anyPlanner(),
  async detect(context) {
    await until()
    return await anyPlanner().detect(context)
  },
})

describe('the marks of target and proxy', () => {
  it('are seen by the first looks of an engine, and not read again', async () => {
    await scene.deployed(far())
    const from = scene.world.calls.length
    let accepted = 0
    const { deployments } = far()
    const onEvent = ({ type }: { type: string }) => {
      if (type === 'deployment-accepted') accepted = scene.world.calls.length
    }
    const request = { resource: scene.definition('serve text=two') }
    expect((await (await deployments.create(request, { onEvent })).done).status).toBe('succeeded')
    expect(asked(from).filter((name) => reads.includes(name.replace('proxy.', '')))).toEqual(['lease.read'])
    expect(asked(accepted)).toEqual([])
  })

  it('are read of no resource that nobody names', async () => {
    await scene.deployed(far())
    const from = scene.world.calls.length
    await far().resources.list()
    expect(scene.world.calls.slice(from).filter(({ method }) => reads.includes(method))).toEqual([])
  })

  it('are read when they are needed of a machine here, where it takes no time', async () => {
    await scene.deployed(scene.engine())
    const from = scene.world.calls.length
    await scene.deployed(scene.engine(), 'serve text=two')
    expect(asked(from).slice(-2)).toEqual(['lease.read', 'proxy.mark'])
  })

  it('are read while the source is looked at, where they were not', async () => {
    let from = 0
    const read = () => scene.world.calls.slice(from).some(({ method }) => method === 'lease.read')
    const engine = far({
      planners: [waiting(() => expect.poll(() => from === 0 || read(), { timeout: 20_000 }).toBe(true))],
    })
    await scene.deployed(engine)
    from = scene.world.calls.length
    expect((await scene.deployed(engine, 'serve text=two')).status).toBe('succeeded')
    expect(asked(from)).toHaveLength(2)
    expect(asked(from)).toEqual(expect.arrayContaining(['lease.read', 'proxy.mark']))
  })

  it('are read again where another store took the machine since, and its holder is waited for, whose token is lower', async () => {
    const looking = gate()
    const goOn = gate()
    let first = true
    const planner = waiting(async () => {
      looking.arrive()
      if (!first) await goOn.reached
    })
    const shared = { clock: hurried(40), concurrency: 'wait' as const }
    const target = () => ({ ...fakeTarget({ world: scene.world, records: false }), address: 'web1' })
    const engine = scene.engine({ ...shared, targets: [target()], planners: [planner] })
    await scene.deployed(engine)
    first = false
    // Its own store has counted on, while the machine did not.
    const key = resourceLeaseKey('res_shop', 'fake')
    const holder = { engineId: 'eng_x', deploymentId: 'eng_x', bootId: '', pidNamespace: '', pid: 1, startTime: '' }
    const lease = await scene.store.acquireLease({
      key,
      holder,
      expect: await scene.store.readLease(key),
      minToken: 50,
    })
    await scene.store.releaseLease({ key, token: lease!.token })

    const here = await engine.deployments.create({ resource: scene.definition('serve text=two') })
    await looking.reached
    await expect.poll(() => scene.world.calls.filter(({ method }) => method === 'lease.read').length).toBe(2)
    const started = gate()
    const open = gate()
    scene.world.intercept = async (when, { method }) => {
      if (when !== 'before' || method !== 'start') return
      scene.world.intercept = null
      started.arrive()
      await open.reached
    }
    const other = scene.engine({ ...shared, store: memoryStore(), targets: [target()] })
    const there = await other.deployments.create({ resource: scene.definition('serve text=three') })
    await started.reached
    const told = gate()
    void (async () => {
      for await (const one of here.events({ follow: true }))
        if (one.kind === 'event' && one.event.data.code === 'deployment-in-progress') told.arrive()
    })()
    goOn.arrive()
    await told.reached
    open.arrive()
    expect((await there.done).status).toBe('succeeded')
    expect((await here.done).status).toBe('succeeded')
    expect((await scene.store.getDeployment(here.id))?.token).toBeGreaterThan(50)
  }, 30_000)
})
