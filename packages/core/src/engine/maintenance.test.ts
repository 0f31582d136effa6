import { afterEach, beforeEach, expect, it } from 'vitest'
import { gate, Scene, visit } from '../../test/engine.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

it('an attempt waits for work on its resource that is no attempt, and disturbs it not', async () => {
  const engine = scene.engine()
  for (const text of ['one', 'two', 'three']) {
    await scene.touch(text)
    await scene.deployed(engine)
  }
  const at = gate()
  const go = gate()
  scene.world.intercept = async (when, { method }) => {
    if (when !== 'before' || method !== 'discard') return
    scene.world.intercept = null
    at.arrive()
    await go.reached
  }
  const pruned = engine.prune({ keep: 1 })
  await at.reached
  const create = await scene.engine().deployments.create({ resource: scene.definition('serve text=new') })
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect((await scene.store.getDeployment(create.id))?.status).toBe('planning')
  go.arrive()
  expect((await pruned).releases).toHaveLength(2)
  expect((await create.done).status).toBe('succeeded')
})

it('what a release that still runs was built into is kept', async () => {
  const before = scene.engine({ retention: 2 })
  const first = await scene.deployed(before)
  const second = await scene.deployed(before, 'serve text=two')
  scene.world.fail('remove', new Error('It does not go.'))
  await scene.touch('other')
  const third = await scene.deployed(scene.engine({ retention: 1 }), 'serve text=three')
  expect(third.warnings.map((one) => one.code)).toContain('drain-failed')
  expect(await scene.owned()).toContain(second.id)
  expect(await scene.store.getRelease(first.release?.id ?? '')).toBeNull()
  const release = await scene.store.getRelease(second.release?.id ?? '')
  expect(scene.world.built.has(String(release?.artifact.build))).toBe(true)
})

it('a removal that breaks off is gone on with by nobody, and nothing is started again', async () => {
  const engine = scene.engine()
  await scene.deployed(engine)
  scene.world.fail('discard', new Error('no'))
  await expect(engine.resources.remove('res_shop')).rejects.toThrow('no')
  const report = await scene.engine().reconcile()
  expect(report.problems).toEqual([])
  expect(await scene.owned()).toEqual([])
  expect((await scene.store.getResource('res_shop'))?.live).toEqual({})
  await engine.resources.remove('res_shop')
  expect(await scene.store.getResource('res_shop')).toBeNull()
})

it('routes that lead to an address of former times are led to the present one', async () => {
  const engine = scene.engine()
  const { id, accessUrls } = await scene.deployed(engine)
  const table = scene.world.tables.get('res_shop')!
  const addresses = [{ kind: 'tcp' as const, host: '127.0.0.1', port: 1 }]
  scene.world.tables.set('res_shop', { ...table, live: { ...table.live!, addresses } })
  expect((await engine.reconcile()).routed).toEqual(['res_shop'])
  expect(await visit(accessUrls[0]!)).toEqual({ status: 200, deployment: id })
  expect((await engine.reconcile()).routed).toEqual([])
})
