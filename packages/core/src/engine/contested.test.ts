import { fakeTarget } from '@appaloft/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { gate, hurried, Scene, visit } from '../../test/engine.js'
import { memoryStore } from '../index.js'
import type { Appaloft } from '../spec/api.js'
import { type Lease, resourceLeaseKey } from '../spec/lease.js'
import type { Store } from '../spec/store.js'
import type { Target } from '../spec/target.js'
import { readAll } from './adopt.js'
import type { Runtime } from './runtime.js'
import { believeUndone } from './undone.js'

// Two stores and a machine that tells of its releases: what one of them reads may be another's by the time that it acts.

const id = 'res_shop'
const clock = hurried(60)

let scene: Scene
let other: Store
beforeEach(async () => {
  scene = await Scene.make()
  other = memoryStore()
})
afterEach(() => scene.close({ dead: dead.splice(0) }))

const dead: Appaloft[] = []

const never = new Promise<never>(() => {})
const liveIn = async (store: Store) => (await store.getResource(id))?.live.fake?.deploymentId

/** An engine whose process ends in the middle of a call. */
function mortal(dies: (method: string, args: readonly unknown[]) => boolean) {
  const died = gate()
  let over = false
  const silent = <T extends object>(part: T): T =>
    new Proxy(part, {
      get: (inner, key) => {
        const value = Reflect.get(inner, key)
        if (['proxy', 'records', 'lease'].includes(String(key))) return silent(value as object)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (!over && dies(String(key), args)) {
            over = true
            died.arrive()
          }
          return over && key !== 'close' ? never : value.apply(inner, args)
        }
      },
    })
  const engine = scene.engine({
    store: silent(scene.store),
    targets: [silent<Target>(fakeTarget({ world: scene.world }))],
    clock,
  })
  dead.push(engine)
  return { engine, died: died.reached }
}

it('what the machine was told of a good end stands, though nobody reaches it when its attempt is taken up', async () => {
  const succeeded = (method: string, [input]: readonly unknown[]) =>
    method === 'commit' && (input as { set?: { status?: string } }).set?.status === 'succeeded'
  let ends = 0
  const { engine, died } = mortal((...call) => succeeded(...call) && ++ends === 2)
  const one = await scene.deployed(engine, 'serve text=one')
  await scene.touch('two')
  const two = await engine.deployments.create({ resource: scene.definition('serve text=two') })
  await died
  const b = scene.engine({ store: other, clock })
  await b.resources.list()
  expect(await liveIn(other)).toBe(two.id)
  // Where it were asked again, it would be found unreachable.
  scene.world.fail('endpoint', new Error('no way there'), { times: 1000 })
  const again = scene.engine({ clock })
  await again.reconcile()
  expect(await again.deployments.show(two.id)).toMatchObject({ status: 'succeeded', rollback: null })
  expect([await liveIn(scene.store), await liveIn(other)]).toEqual([two.id, two.id])
  expect(await scene.owned()).toEqual([two.id])
  expect(await visit(one.accessUrls[0] ?? '')).toEqual({ status: 200, deployment: two.id })
})

it('an attempt that has ended since the machine was asked is adopted, and not taken up', async () => {
  const told = gate()
  const listed = gate()
  let held = false
  scene.world.intercept = async (when, { method }) => {
    if (when === 'before' && method === 'promoted') {
      told.arrive()
      await listed.reached
    }
  }
  const a = scene.engine({ clock })
  const one = await a.deployments.create({ resource: scene.definition() })
  await told.reached
  const target = fakeTarget({ world: scene.world })
  const { list } = target.records!
  const slow: Target = {
    ...target,
    records: {
      ...target.records!,
      async list(...args) {
        const found = await list(...args)
        if (held) return found
        held = true
        listed.arrive()
        await one.done
        return found
      },
    },
  }
  const b = scene.engine({ store: other, targets: [slow], clock })
  const report = await b.reconcile()
  expect(report).toMatchObject({ ended: [], problems: [] })
  expect(await b.deployments.show(one.id)).toMatchObject({ status: 'succeeded', recoveredBy: null })
  expect(await other.getDeployment(one.id)).toMatchObject({ adopted: true })
  expect(await liveIn(other)).toBe(one.id)
  // And the machine is free for the one that deployed it.
  expect((await target.lease?.read(id))?.held).toBe(false)
  expect((await scene.deployed(a, 'serve text=two')).status).toBe('succeeded')
})

/** Its deployment has succeeded, and the machine could not be told. Of it the engine with the other store has heard nothing yet. */
async function leftOpen() {
  const b = scene.engine({ store: other, clock })
  await b.resources.list()
  let puts = 0
  scene.world.intercept = async (when, { method }) => {
    if (when === 'before' && method === 'put-record' && ++puts === 2) throw new Error('no space')
  }
  const one = await scene.deployed(scene.engine({ clock }))
  scene.world.intercept = null
  expect(one.warnings.map(({ code }) => code)).toEqual(['record-not-written'])
  await scene.touch('two')
  return { one, b }
}

it('what was left open is judged above the fence, and then it is what comes back', async () => {
  const { one, b } = await leftOpen()
  const before = scene.world.calls.length
  const failed = await scene.deployed(b, 'serve status=500')
  expect(failed).toMatchObject({ status: 'failed', rollback: { outcome: 'restored', releaseId: one.release?.id } })
  const effects = scene.world.calls.slice(before).filter(({ token, part }) => token !== undefined && part === 'target')
  expect(effects.slice(0, 2).map(({ method }) => method)).toEqual(['fence', 'put-record'])
  expect(await liveIn(other)).toBe(one.id)
})

it('where it could not be judged, nothing is touched, and who comes next finds that it was left serving', async () => {
  const { one, b } = await leftOpen()
  scene.world.fail('put-record', new Error('no space'))
  const failed = await scene.deployed(b, 'serve text=two')
  expect(failed).toMatchObject({ status: 'failed', rollback: { outcome: 'nothing-to-restore' } })
  expect(await scene.owned()).toEqual([one.id])
  expect(await b.reconcile()).toMatchObject({ ended: [], removed: [], routed: [], problems: [] })
  expect(await b.deployments.show(one.id)).toMatchObject({ status: 'succeeded', recoveredBy: null })
  expect(await visit(one.accessUrls[0] ?? '')).toEqual({ status: 200, deployment: one.id })
  expect((await scene.deployed(b, 'serve text=two')).status).toBe('succeeded')
})

it('a resource that this store knows nothing of is heard of, though a removal died in it', async () => {
  const one = await scene.deployed(scene.engine({ clock }))
  const holder = {
    engineId: 'eng_gone',
    deploymentId: 'eng_gone',
    bootId: 'b',
    pidNamespace: 'n',
    pid: 1,
    startTime: '1',
  }
  const lease: Lease | null = await other.acquireLease({ key: resourceLeaseKey(id, 'fake'), holder, expect: null })
  expect(lease).not.toBeNull()
  const b = scene.engine({ store: other, clock })
  expect((await b.reconcile()).problems).toEqual([])
  expect(await liveIn(other)).toBe(one.id)
})

it('what another store has undone is live no longer, and what the machine tells of last is', async () => {
  const a = scene.engine()
  const one = await scene.deployed(a, 'serve text=one')
  await scene.touch('two')
  const two = await scene.deployed(a, 'serve text=two')
  const key = resourceLeaseKey(id, 'fake')
  const held = async () => {
    const expect = await scene.store.readLease(key)
    const holder = { engineId: 'e', deploymentId: 'e', bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1' }
    return (await scene.store.acquireLease({ key, holder, expect }))!
  }
  const believe = async () => {
    const lying = (await scene.target.records?.list(id)) ?? []
    const runtime = { store: scene.store, now: () => new Date().toISOString() } as Runtime
    await believeUndone(runtime, scene.target, id, readAll(lying, scene.target), await held())
  }
  await believe()
  expect(await liveIn(scene.store)).toBe(two.id)
  scene.world.records.get(id)?.delete(two.id)
  await believe()
  expect(await liveIn(scene.store)).toBe(one.id)
  scene.world.records.get(id)?.delete(one.id)
  await believe()
  expect(await liveIn(scene.store)).toBeUndefined()
})
