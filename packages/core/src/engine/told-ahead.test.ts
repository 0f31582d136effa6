import { fakeTarget } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { gate, hurried, Scene, visit } from '../../test/engine.js'
import { memoryStore } from '../index.js'
import type { Appaloft } from '../spec/api.js'
import { AppaloftError } from '../spec/errors.js'
import type { Store } from '../spec/store.js'

// The machine is told of a candidate beside the last look at its process: what becomes of that where it never takes the traffic.

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

const id = 'res_shop'
const names = () => [...(scene.world.records.get(id)?.keys() ?? [])]

/** A second deployment, of which the machine was told, and whose process cannot be looked at until it is let go. */
async function held(engine: Appaloft) {
  const one = await scene.deployed(engine, 'serve text=one')
  const told = gate()
  const open = gate()
  let looked = false
  let held: number | undefined
  scene.world.intercept = async (when, { method, signal, token }) => {
    if (when === 'after') {
      if (method !== 'put-record') return
      held = token
      return told.arrive()
    }
    const inspects = method === 'inspect' && !looked
    looked ||= inspects
    const aborted = new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
    // As of one that is dead, nothing is heard of it meanwhile.
    if (inspects || (method === 'lease.beat' && token === held)) await Promise.race([open.reached, aborted])
  }
  await scene.touch('two')
  const two = await engine.deployments.create({ resource: scene.definition('serve text=two') })
  await told.reached
  expect(names().sort()).toEqual([one.id, two.id].sort())
  expect(JSON.parse(scene.world.records.get(id)?.get(two.id) ?? '').deployment).toMatchObject({
    ...{ status: 'verifying', currentPhase: 'verify', promotion: 'intended' },
    journal: { step: 'promote', state: 'intended' },
  })
  return { one, two, url: one.accessUrls[0] ?? '', letGo: open.arrive }
}

describe('a candidate that the machine was told of', () => {
  it('keeps what was seen before, where the store takes longer than the look at its process', async () => {
    let slow = 0
    const { commit } = scene.store
    const store: Store = {
      ...scene.store,
      commit: async (input) => {
        // What is written before the machine is told of it.
        if (input.set?.status === 'verifying' && slow++ === 0) await new Promise((resolve) => setTimeout(resolve, 300))
        return await commit(input)
      },
    }
    const { checks } = await scene.deployed(scene.engine({ store }), 'serve', {
      health: { type: 'command', command: 'exit 0' },
    })
    expect(slow).toBe(1)
    expect(Object.entries(checks).map(([name, { status }]) => `${name} ${status}`)).toEqual(
      ['process', 'health', 'route', 'access'].map((name) => `${name} passed`),
    )
  })

  it('is told of anew where the machine could not be told ahead', async () => {
    let puts = 0
    scene.world.intercept = async (when, { method }) => {
      if (when === 'before' && method === 'put-record' && ++puts === 1)
        throw new AppaloftError('runtime-backend-unavailable')
    }
    const done = await scene.deployed(scene.engine())
    expect(done).toMatchObject({ status: 'succeeded', warnings: [] })
    // Ahead, before its promotion, and at its end.
    expect(puts).toBe(3)
    expect(names()).toEqual([done.id])
  })

  it('and that is canceled while it was told of in part: nothing of it comes after that', async () => {
    // Of what was live before machines were told, they are told now, as well.
    const bare = fakeTarget({ world: scene.world, records: false })
    await scene.deployed(scene.engine({ targets: [bare] }), 'serve text=one')
    const engine = scene.engine()
    let puts = 0
    let written = false
    const told = gate()
    scene.world.intercept = async (when, { method, signal }) => {
      // The candidate is looked at until it is canceled.
      if (method === 'inspect' && puts > 0 && signal?.aborted === false)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      if (method !== 'put-record') return
      if (when === 'after') written = true
      else if (++puts === 2) throw new AppaloftError('runtime-backend-unavailable')
      else {
        told.arrive()
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    }
    const two = await engine.deployments.create({ resource: scene.definition('serve text=two') })
    await told.reached
    await engine.deployments.cancel(two.id)
    expect(await two.done).toMatchObject({ status: 'canceled', rollback: { outcome: 'restored' } })
    expect([puts, written]).toEqual([2, true])
    expect(names()).toEqual([])
  })

  it('and that is canceled then: it is forgotten', async () => {
    const engine = scene.engine()
    const { one, two, url } = await held(engine)
    await engine.deployments.cancel(two.id)
    expect(await two.done).toMatchObject({ status: 'canceled', rollback: { outcome: 'restored' } })
    expect(names()).toEqual([one.id])
    expect(await visit(url)).toEqual({ status: 200, deployment: one.id })
  })

  it('and that is superseded then, by one that fails: it is forgotten', async () => {
    const engine = scene.engine()
    const { one, two, url } = await held(engine)
    const three = await scene.deployed(engine, 'serve status=500')
    expect(three).toMatchObject({ status: 'failed', rollback: { outcome: 'restored' } })
    expect(await two.done).toMatchObject({ status: 'superseded', supersededBy: three.id })
    expect(names()).toEqual([one.id])
    expect(await visit(url)).toEqual({ status: 200, deployment: one.id })
  })

  const dead = {
    clock: hurried(60),
    liveness: { self: { bootId: '', pidNamespace: '', pid: 1, startTime: '' }, judge: () => 'dead' as const },
  }

  it.each([
    ['its store', () => scene.store],
    ['an empty one', memoryStore],
  ])('and whose engine dies then: who finds it, with %s, takes it for none that serves', async (_whose, storeOf) => {
    const engine = scene.engine({ clock: hurried(60) })
    const { one, two, url, letGo } = await held(engine)
    const other = scene.engine({ ...dead, store: storeOf() })
    const { ended, problems } = await other.reconcile()
    expect([ended, problems]).toEqual([[{ deploymentId: two.id, status: 'interrupted' }], []])
    expect(names()).toEqual([one.id])
    expect(await scene.owned()).toEqual([one.id])
    expect(await visit(url)).toEqual({ status: 200, deployment: one.id })
    expect((await other.resources.status(id)).desired?.deploymentId).toBe(one.id)
    letGo()
    expect(await two.done).toMatchObject({ status: 'interrupted' })
    expect(await visit(url)).toEqual({ status: 200, deployment: one.id })
  })
})
