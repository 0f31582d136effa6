import { afterEach, beforeEach, expect, it } from 'vitest'
import { Scene } from '../../../test/engine.js'
import type { Appaloft } from '../../index.js'
import type { Endpoint, Proxy } from '../../spec/proxy.js'
import type { Target } from '../../spec/target.js'
import { socketProber } from '../prober.js'
import { askServing } from './serving.js'

const at = (port: number, publicPort = port): Endpoint => ({
  address: { kind: 'tcp', host: '127.0.0.1', port },
  publicScheme: 'http',
  publicPort,
})

it('is asked where it served before while it is told where it serves now', async () => {
  const order: string[] = []
  let tell = (_: Endpoint) => {}
  const present = new Promise<Endpoint>((resolve) => {
    tell = resolve
  })
  const ask = async (where: Promise<Endpoint>) => {
    order.push(`asked ${(await where).publicPort}`)
    tell(at(80, 8080))
    return order.length
  }
  // The same place, called otherwise.
  expect(await askServing(ask, Promise.resolve(at(80)), present)).toBe(1)
  expect(order).toEqual(['asked 80'])
})

it('where it serves elsewhere by now, it is asked there, whatever was heard', async () => {
  const asked: number[] = []
  const ask = async (where: Promise<Endpoint>) => {
    const { publicPort } = await where
    asked.push(publicPort)
    if (publicPort === 80) throw new Error('nobody there')
    return publicPort
  }
  expect(await askServing(ask, Promise.resolve(at(80)), Promise.resolve(at(81)))).toBe(81)
  expect(
    await askServing(async (where) => (await where).publicPort, Promise.resolve(at(79)), Promise.resolve(at(81))),
  ).toBe(81)
  expect(asked).toEqual([80, 81])
})

it('where it cannot be told where it serves, nothing that was heard counts', async () => {
  const ask = async () => 'an answer'
  const away = () => Promise.reject(new Error('away'))
  await expect(askServing(ask, Promise.resolve(at(80)), away())).rejects.toThrow('away')
  expect(await askServing(ask, away(), Promise.resolve(at(80)))).toBe('an answer')
  expect(await askServing(ask, undefined, Promise.resolve(at(80)))).toBe('an answer')
})

let scene: Scene
let dead: Appaloft[] = []
beforeEach(async () => {
  dead = []
  scene = await Scene.make()
})
afterEach(() => scene.close({ dead }))

it('a deployment asks through its proxy before that has told where it serves since the promotion', async () => {
  await scene.deployed(scene.engine())
  const { target } = scene
  const proxy = target.proxy as Proxy
  let applied = 0
  let served = () => {}
  const answered = new Promise<void>((resolve) => {
    served = resolve
  })
  const watched: Target = {
    ...target,
    proxy: Object.create(proxy, {
      apply: {
        value: async (...input: Parameters<Proxy['apply']>) => {
          await proxy.apply(...input)
          applied += 1
        },
      },
      endpoint: {
        value: async (...input: Parameters<Proxy['endpoint']>) => {
          if (applied >= 2) await answered
          return await proxy.endpoint(...input)
        },
      },
    }) as Proxy,
  }
  const sockets = socketProber()
  const prober: typeof sockets = {
    ...sockets,
    async request(...asked) {
      const answer = await sockets.request(...asked)
      if (applied >= 2) served()
      return answer
    },
  }
  const second = await scene.deployed(scene.engine({ targets: [watched], prober }), 'serve text=two')
  expect(second).toMatchObject({ status: 'succeeded', checks: { access: { status: 'passed', attempts: 1 } } })
})

it('several hostnames are asked for access beside each other, and each must serve', async () => {
  const hostnames = ['a.example.test', 'b.example.test', 'c.example.test']
  const proxy = scene.target.proxy as Proxy
  let promoted = false
  const apply: Proxy['apply'] = async (...input) => {
    await proxy.apply(...input)
    promoted ||= input[1].live !== null
  }
  const watched: Target = { ...scene.target, proxy: Object.create(proxy, { apply: { value: apply } }) as Proxy }
  const sockets = socketProber()
  const asked = new Set<string>()
  let wrong = 'c.example.test'
  let all = () => {}
  const together = new Promise<void>((resolve) => {
    all = resolve
  })
  const looked = new Set<string>()
  let allLooked = () => {}
  const lookedUp = new Promise<void>((resolve) => {
    allLooked = resolve
  })
  const prober: typeof sockets = {
    ...sockets,
    // At their public addresses, too.
    async lookup(hostname) {
      looked.add(hostname)
      if (looked.size === hostnames.length) allLooked()
      await lookedUp
      throw Object.assign(new Error('nobody knows it'), { code: 'ENOTFOUND' })
    },
    async request(address, request) {
      const answer = await sockets.request(address, request)
      const { host = '', 'user-agent': by } = (request.headers ?? {}) as Record<string, string>
      if (!promoted || by !== 'appaloft-verify') return answer
      asked.add(host)
      if (asked.size === hostnames.length) all()
      await together
      if (host !== wrong) return answer
      wrong = ''
      return { ...answer, status: 502 }
    },
  }
  const engine = scene.engine({ targets: [watched], prober })
  const deployment = await scene.deployed(engine, 'serve text=one', { access: { hostnames } })
  expect(deployment).toMatchObject({ status: 'succeeded' })
  // The one that answered wrong is asked again, and no other.
  expect(deployment.checks.access).toMatchObject({ status: 'passed', attempts: 4 })
  expect(deployment.checks.access?.evidence).toHaveLength(3)
  const warned: unknown[] = []
  for await (const one of engine.deployments.events(deployment.id))
    if (one.kind === 'event' && one.event.type === 'warning') warned.push(one.event.message)
  expect(warned.filter((message) => String(message).includes('(ENOTFOUND)'))).toHaveLength(3)
})

it('of a promotion whose process died while it drained, identities that only the token shows are shown again', async () => {
  const identity = 'verified' as const
  const first = await scene.deployed(scene.engine({ identity }))
  let reached = () => {}
  const draining = new Promise<void>((resolve) => {
    reached = resolve
  })
  // Its last call: nothing of it happens, and nobody answers.
  scene.world.intercept = (when, { method }) => {
    if (method !== 'remove' || when === 'after') return
    reached()
    return new Promise(() => {})
  }
  const dying = scene.engine({ identity })
  dead = [dying]
  const second = await dying.deployments.create({ resource: scene.definition('serve text=two') })
  await draining
  expect(scene.world.tables.get('res_shop')).toMatchObject({ verify: null, identity })
  expect((await scene.owned()).sort()).toEqual([first.id, second.id].sort())
  scene.world.intercept = null
  const self = { bootId: '', pidNamespace: '', pid: 1, startTime: '' }
  const next = scene.engine({ identity, liveness: { self, judge: () => 'dead' } })
  expect((await next.reconcile()).ended).toEqual([{ deploymentId: second.id, status: 'succeeded' }])
  expect(scene.world.tables.get('res_shop')).toMatchObject({ live: { deploymentId: second.id }, verify: null })
  expect(await scene.owned()).toEqual([second.id])
})
