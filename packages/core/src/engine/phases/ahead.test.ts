import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Scene } from '../../../test/engine.js'
import type { Proxy } from '../../spec/proxy.js'
import { socketProber } from '../prober.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

/** An engine whose proxy makes no route before the candidate was asked how it is, or has waited for long. */
function slowlyRouted() {
  const { target } = scene
  const proxy = target.proxy as Proxy
  const order: string[] = []
  let asked = () => {}
  const first = new Promise<void>((resolve) => {
    asked = resolve
  })
  const apply: Proxy['apply'] = async (...input) => {
    await Promise.race([first, new Promise((resolve) => setTimeout(resolve, 3000))])
    await proxy.apply(...input)
    order.push('routed')
  }
  const sockets = socketProber()
  const prober: typeof sockets = {
    ...sockets,
    async request(address, options) {
      const answer = await sockets.request(address, options)
      if (options.headers?.['user-agent'] === 'appaloft-health') {
        order.push(`health ${answer.status}`)
        asked()
      }
      return answer
    },
  }
  // Its getters and methods stay those of the object.
  const slow = Object.create(proxy, { apply: { value: apply } }) as Proxy
  return { order, engine: scene.engine({ targets: [{ ...target, proxy: slow }], prober }) }
}

describe('a candidate', () => {
  it('is asked how it is while its route is made, and that is its health check', async () => {
    const { engine, order } = slowlyRouted()
    const done = await scene.deployed(engine)
    expect(done.status).toBe('succeeded')
    expect(order.slice(0, 2)).toEqual(['health 200', 'routed'])
    expect(order.filter((one) => one.startsWith('health'))).toHaveLength(1)
    const checks = []
    for await (const one of engine.deployments.events(done.id))
      if (one.kind === 'event' && one.event.type === 'check-observed') checks.push(one.event.data.check)
    expect(checks).toEqual(['process', 'health', 'route', 'access'])
  })

  it('that is not well then is judged by its health check', async () => {
    const { engine, order } = slowlyRouted()
    const failed = await scene.deployed(engine, 'serve status=500')
    expect(order[0]).toBe('health 500')
    expect(failed).toMatchObject({ status: 'failed', failure: { code: 'health-status-unexpected', phase: 'verify' } })
    expect(failed.checks.health).toMatchObject({ status: 'failed' })
    expect(failed.checks.health?.attempts).toBeGreaterThan(1)
  })
})
