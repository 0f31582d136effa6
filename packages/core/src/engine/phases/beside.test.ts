import { afterEach, beforeEach, expect, it } from 'vitest'
import { Scene } from '../../../test/engine.js'
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

/** The target, whose candidate starts when its proxy was asked what it serves, and where. */
function waiting(fault: () => void = () => {}) {
  const { target } = scene
  const proxy = target.proxy as Proxy
  const order: string[] = []
  const asked = (what: string) => {
    if (order.at(-1) !== what) order.push(what)
  }
  const observe: Proxy['observe'] = async (...input) => {
    if (order.includes('start')) {
      asked('observe')
      fault()
    }
    return proxy.observe(...input)
  }
  const endpoint: Proxy['endpoint'] = (...input) => {
    asked('endpoint')
    return proxy.endpoint(...input)
  }
  const apply: Proxy['apply'] = async (...input) => {
    await proxy.apply(...input)
    asked('routed')
  }
  const watched: Target = {
    ...target,
    proxy: Object.create(proxy, {
      observe: { value: observe },
      endpoint: { value: endpoint },
      apply: { value: apply },
    }) as Proxy,
    async upload(input) {
      await target.upload(input)
      order.length = 0
      order.push('start')
    },
    async start(input) {
      await until(() => order.includes('observe') && order.includes('endpoint'))
      await target.start(input)
      order.push('started')
    },
  }
  return { order, watched }
}

it('what the proxy serves, and where, is read while the candidate starts', async () => {
  await scene.deployed(scene.engine())
  const { order, watched } = waiting()
  const second = await scene.deployed(scene.engine({ targets: [watched] }), 'serve text=two')
  expect(second.status).toBe('succeeded')
  expect(order.slice(0, 5)).toEqual(['start', 'observe', 'endpoint', 'started', 'routed'])
  expect(second.checks.route).toMatchObject({ status: 'passed', attempts: 1 })
})

it('what could not be read then is read again', async () => {
  await scene.deployed(scene.engine())
  let faults = 0
  const { watched } = waiting(() => {
    faults += 1
    if (faults === 1) throw new Error('not now')
  })
  const second = await scene.deployed(scene.engine({ targets: [watched] }), 'serve text=two')
  expect(second.status).toBe('succeeded')
  expect(faults).toBeGreaterThan(1)
})
