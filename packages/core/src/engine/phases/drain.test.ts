import { afterEach, beforeEach, expect, it } from 'vitest'
import { Scene } from '../../../test/engine.js'
import { AppaloftError } from '../../spec/errors.js'
import type { Proxy } from '../../spec/proxy.js'
import type { Target } from '../../spec/target.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

const until = async (holds: () => boolean) => {
  for (let tries = 0; tries < 300 && !holds(); tries++) await new Promise((resolve) => setTimeout(resolve, 10))
}

it('the former release is drained while the new one is made to stay, and taken away when it is', async () => {
  await scene.deployed(scene.engine())
  const { target } = scene
  const proxy = target.proxy as Proxy
  const order: string[] = []
  const observe: Proxy['observe'] = (...asked) => {
    if (order.includes('promoted')) order.push('requests')
    return proxy.observe(...asked)
  }
  const watched: Target = {
    ...target,
    proxy: Object.create(proxy, { observe: { value: observe } }) as Proxy,
    async promoted(...asked) {
      order.push('promoted')
      await until(() => order.includes('requests'))
      await target.promoted?.(...asked)
      order.push('to stay')
    },
    async remove(...asked) {
      order.push('removed')
      await target.remove(...asked)
    },
  }
  const second = await scene.deployed(scene.engine({ targets: [watched] }), 'serve text=two')
  expect(second.status).toBe('succeeded')
  expect(order.slice(0, 4)).toEqual(['promoted', 'requests', 'to stay', 'removed'])
  expect(await scene.owned()).toEqual([second.id])
})

it('what cannot be made to stay takes nothing away, and is told', async () => {
  const first = await scene.deployed(scene.engine())
  const { target } = scene
  const watched: Target = {
    ...target,
    async promoted() {
      throw new Error('no')
    },
  }
  const second = await scene.deployed(scene.engine({ targets: [watched] }), 'serve text=two')
  expect(second.status).toBe('succeeded')
  expect(second.warnings.map(({ code }) => code)).toContain('drain-failed')
  expect((await scene.owned()).sort()).toEqual([first.id, second.id].sort())
})

it('a proxy that cannot be asked any more when all is done is told of, and undoes nothing', async () => {
  await scene.deployed(scene.engine())
  const { target } = scene
  const proxy = target.proxy as Proxy
  const away = async () => {
    throw new AppaloftError('runtime-backend-unavailable')
  }
  let drained = false
  const observe: Proxy['observe'] = (...asked) => (drained ? away() : proxy.observe(...asked))
  const watched: Target = {
    ...target,
    proxy: Object.create(proxy, { observe: { value: observe } }) as Proxy,
    async remove(...asked) {
      await target.remove(...asked)
      drained = true
    },
  }
  const second = await scene.deployed(scene.engine({ targets: [watched] }), 'serve text=two')
  expect(second).toMatchObject({ status: 'succeeded', rollback: null })
  expect(second.warnings.map(({ code }) => code)).toEqual(['verify-route-kept'])
  expect(await scene.owned()).toEqual([second.id])
  await scene.engine().reconcile()
  const { table } = await proxy.observe('res_shop')
  expect(table).toMatchObject({ live: { deploymentId: second.id }, staged: null, verify: null })
})

it('what is beyond retention goes while the routes are left alone', async () => {
  const engine = () => scene.engine({ retention: 1 })
  await scene.deployed(engine())
  const { target } = scene
  const proxy = target.proxy as Proxy
  const order: string[] = []
  const apply: Proxy['apply'] = async (...input) => {
    const [, { staged, verify }] = input
    await proxy.apply(...input)
    if (staged === null && verify === null) order.push('alone')
  }
  const watched: Target = {
    ...target,
    proxy: Object.create(proxy, { apply: { value: apply } }) as Proxy,
    async discard(...asked) {
      await until(() => order.includes('alone'))
      await target.discard(...asked)
      order.push('discarded')
    },
  }
  const second = await scene.deployed(scene.engine({ targets: [watched], retention: 1 }), 'serve text=two')
  expect(second).toMatchObject({ status: 'succeeded', warnings: [] })
  expect(order).toEqual(['alone', 'discarded'])
})
