import { afterEach, beforeEach, expect, it } from 'vitest'
import { gate, Scene, visit } from '../../test/engine.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

it('is over when what another call has begun, to make the engine ready, is over as well', async () => {
  const one = await scene.deployed(scene.engine())
  scene.world.crash(one.id)
  const engine = scene.engine()
  const [mending, open] = [gate(), gate()]
  let listed = 0
  scene.world.intercept = async (when, { method }) => {
    if (when !== 'before') return
    if (method === 'list-records' && ++listed === 1) await mending.reached
    if (method !== 'restart') return
    mending.arrive()
    await open.reached
  }
  const order: string[] = []
  const reconciled = engine.reconcile().then(({ problems }) => {
    order.push('reconciled')
    expect(problems).toEqual([])
  })
  const looked = engine.resources.list()
  await mending.reached
  await turns(200)
  order.push('mended')
  open.arrive()
  await Promise.all([reconciled, looked])
  expect(order).toEqual(['mended', 'reconciled'])
  expect(await visit(one.accessUrls[0] ?? '')).toEqual({ status: 200, deployment: one.id })
})
