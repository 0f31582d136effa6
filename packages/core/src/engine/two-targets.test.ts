import { FakeWorld, fakeProxy, fakeTarget } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { anyPlanner, blockedPlan, Scene, visit } from '../../test/engine.js'
import { AppaloftError } from '../spec/index.js'

// Two targets behind one proxy, as the process target and a Docker Engine are behind the embedded one.

let scene: Scene
let other: FakeWorld
beforeEach(async () => {
  scene = await Scene.make()
  other = new FakeWorld()
})
afterEach(async () => {
  await scene.close()
  await other.close()
})

const both = (planners = [anyPlanner()]) => {
  const proxy = fakeProxy({ world: scene.world })
  return scene.engine({
    planners,
    targets: [
      fakeTarget({ key: 'first', world: scene.world, proxy }),
      // One that keeps no records: else it would be asked for those of other stores.
      fakeTarget({ key: 'second', world: other, proxy, records: false }),
    ],
  })
}
const deploy = async (engine: ReturnType<typeof both>, target: string) => {
  const { status, failure, accessUrls, id } = await (
    await engine.deployments.create({ resource: scene.definition(), target })
  ).done
  expect({ status, failure }).toEqual({ status: 'succeeded', failure: null })
  return { id, url: accessUrls[0]! }
}

describe('two targets behind one proxy', () => {
  it('leave each other’s releases routed', async () => {
    const { id, url } = await deploy(both(), 'first')
    const report = await both().reconcile()
    expect(report).toMatchObject({ problems: [], removed: [], routed: [] })
    expect(await visit(url)).toEqual({ status: 200, deployment: id })
  })

  it('and after a move from one to the other, too', async () => {
    const engine = both()
    await deploy(engine, 'first')
    await engine.resources.remove('res_shop')
    const { id, url } = await deploy(engine, 'second')
    expect(await both().reconcile()).toMatchObject({ problems: [], removed: [], routed: [] })
    expect(await visit(url)).toEqual({ status: 200, deployment: id })
  })
})

it('a target that is gone keeps nobody from removing what is on another', async () => {
  const engine = both()
  await deploy(engine, 'second')
  await engine.resources.remove('res_shop')
  const { url } = await deploy(engine, 'first')
  other.intercept = async (_, { part }) => {
    if (part === 'target') throw new AppaloftError('runtime-backend-unavailable')
  }
  await both().resources.remove('res_shop')
  expect(await scene.store.getResource('res_shop')).toBeNull()
  expect((await visit(url)).status).toBe(404)
  other.intercept = null
})

it('where no attempt came as far as its target, none is asked for it', async () => {
  const engine = both([anyPlanner(blockedPlan)])
  const attempt = await engine.deployments.create({ resource: scene.definition(), target: 'second' })
  expect((await attempt.done).status).toBe('failed')
  const refused: FakeWorld['intercept'] = async (_, { part, method }) => {
    if (part === 'target' && method !== 'close' && method !== 'open') throw new Error(`asked to ${method}`)
  }
  for (const world of [scene.world, other]) world.intercept = refused
  await engine.resources.remove('res_shop')
  for (const world of [scene.world, other]) world.intercept = null
  expect(await scene.store.getResource('res_shop')).toBeNull()
  // Whoever comes next gets its lease.
  await deploy(both(), 'second')
})

it('a target that a resource was never deployed to is not asked for it', async () => {
  await deploy(both(), 'first')
  other.intercept = async (_, { part, method }) => {
    if (part === 'target' && method !== 'close' && method !== 'open') throw new Error(`asked to ${method}`)
  }
  const engine = both()
  expect((await engine.reconcile()).problems).toEqual([])
  await engine.resources.remove('res_shop')
  expect(await scene.store.getResource('res_shop')).toBeNull()
  other.intercept = null
})
