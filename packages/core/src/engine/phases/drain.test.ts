import type { FakeCall } from '@appaloft/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Scene } from '../../../test/engine.js'
import { AppaloftError } from '../../spec/errors.js'
import type { Proxy } from '../../spec/proxy.js'
import type { Commit, Store } from '../../spec/store.js'
import type { Target } from '../../spec/target.js'
import { socketProber } from '../prober.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

const until = async (holds: () => boolean) => {
  for (let tries = 0; tries < 300 && !holds(); tries++) await new Promise((resolve) => setTimeout(resolve, 10))
}

const named = ({ part, method }: FakeCall) => `${part}.${method}`
/** What follows the promotion, in order. @param told what else is to be known of */
function followed(wait: (call: FakeCall, order: readonly string[]) => Promise<void> = async () => {}) {
  const order: string[] = []
  let applied = 0
  scene.world.intercept = async (when, call) => {
    // Of a deployment the first is the candidate's route, and the second its promotion.
    if (call.method === 'apply' && when === 'after') applied += 1
    if (applied < 2 || (applied === 2 && when === 'after' && call.method === 'apply')) return
    if (when === 'before') order.push(named(call))
    await wait(call, order)
    if (when === 'after') order.push(`${named(call)} done`)
  }
  return order
}

/** Changes nothing. */
const looks = [
  'target.list',
  'target.list-records',
  'target.inspect',
  'proxy.observe',
  'proxy.endpoint',
  'target.lease.read',
]

it('what the drain needs is looked at while access is asked, and nothing is changed before that has passed', async () => {
  await scene.deployed(scene.engine())
  const order = followed()
  const sockets = socketProber()
  const prober: typeof sockets = {
    ...sockets,
    async request(...asked) {
      if (order.length > 0)
        await until(() => order.includes('target.list done') && order.includes('proxy.observe done'))
      if (order.length > 0) order.push('access')
      return await sockets.request(...asked)
    },
  }
  const second = await scene.deployed(scene.engine({ prober }), 'serve text=two')
  expect(second).toMatchObject({ status: 'succeeded', warnings: [] })
  const before = order.slice(0, order.indexOf('access'))
  expect(before.filter((one) => !looks.includes(one.replace(/ done$/, '')))).toEqual([])
  // Not looked at again: by the list, the count, and where the proxy serves.
  const rest = order.slice(order.indexOf('access'))
  expect(rest.filter((one) => ['target.list', 'proxy.observe', 'proxy.endpoint'].includes(one))).toEqual([])
  expect(await scene.owned()).toEqual([second.id])
})

it('routes are left alone, the release is made to stay and looked at, all at once; then the former one goes', async () => {
  await scene.deployed(scene.engine())
  const all = ['target.promoted', 'proxy.apply', 'target.inspect']
  const order = followed(async ({ method }, seen) => {
    if (method !== 'promoted' && method !== 'apply') return
    await until(() => all.every((one) => seen.includes(one)))
  })
  const second = await scene.deployed(scene.engine(), 'serve text=two')
  expect(second).toMatchObject({ status: 'succeeded', warnings: [] })
  const at = (one: string) => order.lastIndexOf(one)
  for (const one of all) expect(at(one)).toBeGreaterThan(-1)
  for (const one of ['target.promoted', 'target.inspect']) expect(at(`${one} done`)).toBeLessThan(at('target.remove'))
  expect(Math.max(...all.slice(0, 2).map(at))).toBeLessThan(
    Math.min(...all.slice(0, 2).map((one) => at(`${one} done`))),
  )
  expect(scene.world.tables.get('res_shop')).toMatchObject({ staged: null, verify: null })
})

it('requests of the former release end before it goes, which the proxy still counts when its routes were left alone', async () => {
  const first = await scene.deployed(scene.engine())
  const { target } = scene
  const proxy = target.proxy as Proxy
  const order = followed()
  let counted = 0
  const observe: Proxy['observe'] = async (...asked) => {
    const seen = await proxy.observe(...asked)
    if (order.length === 0) return seen
    // The last of them ends when the routes were left alone.
    const open = order.includes('proxy.apply done') ? 0 : 1
    counted += 1
    order.push(`open ${open}`)
    return { ...seen, inFlight: [{ deploymentId: first.id, count: open }] }
  }
  const watched: Target = { ...target, proxy: Object.create(proxy, { observe: { value: observe } }) as Proxy }
  const second = await scene.deployed(scene.engine({ targets: [watched] }), 'serve text=two')
  expect(second).toMatchObject({ status: 'succeeded', warnings: [] })
  expect(counted).toBeGreaterThan(1)
  expect(order.indexOf('open 1')).toBeGreaterThan(-1)
  expect(order.indexOf('open 0')).toBeLessThan(order.indexOf('target.remove'))
  expect(await scene.owned()).toEqual([second.id])
})

it('a process that has gone since it answered takes nothing away, and the former release serves again', async () => {
  const first = await scene.deployed(scene.engine())
  let looked = 0
  const order = followed(async ({ method, deploymentId }) => {
    // Beside the question it still ran.
    if (method !== 'inspect' || deploymentId === first.id) return
    looked += 1
    if (looked === 3 && deploymentId !== undefined) scene.world.crash(deploymentId, { exitCode: 3 })
  })
  const second = await scene.deployed(scene.engine(), 'serve text=two')
  expect(second).toMatchObject({
    status: 'failed',
    currentPhase: 'verify',
    failure: { code: 'process-exited' },
    checks: { access: { status: 'passed' }, process: { status: 'failed' } },
    rollback: { outcome: 'restored', releaseId: first.release?.id },
  })
  expect(order.slice(0, order.indexOf('target.remove'))).toContain('proxy.apply')
  expect(await scene.owned()).toEqual([first.id])
  expect(scene.world.tables.get('res_shop')?.live?.deploymentId).toBe(first.id)
  // It is nothing to go back to.
  expect((await scene.store.getDeployment(second.id))?.drain).toBe('none')
  const kept = await scene.store.listReleases({ resourceId: 'res_shop', states: ['retained'] })
  expect(kept.map(({ id }) => id)).toEqual([first.release?.id])
  expect(await scene.store.readEvents(second.id, { limit: 1000 }).then(({ events }) => events.map(stepOf))).toEqual(
    expect.arrayContaining(['step-started drain', 'step-failed drain', 'phase-failed', 'traffic-restored']),
  )
})

const stepOf = ({ type, step }: { type: string; step?: string | undefined }) =>
  type.startsWith('step-') ? `${type} ${step}` : type

it('what goes on beside a process that has gone is over before anything is undone', async () => {
  const first = await scene.deployed(scene.engine())
  let looked = 0
  const order = followed(async ({ method, deploymentId }, seen) => {
    if (method === 'inspect' && deploymentId !== first.id && ++looked === 3 && deploymentId !== undefined)
      scene.world.crash(deploymentId, { exitCode: 3 })
    // Slower than the look that finds it gone.
    const slow = ['promoted', 'apply'].includes(method) && !seen.includes(`target.${method}`) && looked < 5
    if (slow) await new Promise((resolve) => setTimeout(resolve, 200))
  })
  const second = await scene.deployed(scene.engine(), 'serve text=two')
  expect(second).toMatchObject({ status: 'failed', rollback: { outcome: 'restored' } })
  const applies = order.flatMap((one) => (one.startsWith('proxy.apply') ? [one] : []))
  // The last table without the token, then the former release's.
  expect(applies).toEqual(['proxy.apply', 'proxy.apply done', 'proxy.apply', 'proxy.apply done'])
  expect(scene.world.tables.get('res_shop')?.live?.deploymentId).toBe(first.id)
})

/** The store, with something that goes wrong before single commits. */
const refusing = (refused: (input: Commit) => boolean, error: () => Error): Store => ({
  ...scene.store,
  commit: async (input) => {
    if (refused(input)) throw error()
    return await scene.store.commit(input)
  },
})

it('what goes on beside is over before anything is undone, also where it cannot be recorded that the former one goes', async () => {
  const first = await scene.deployed(scene.engine())
  let refusals = 0
  const order = followed(async ({ method }) => {
    if (refusals === 0 && ['promoted', 'apply'].includes(method))
      await new Promise((resolve) => setTimeout(resolve, 200))
  })
  const store = refusing(
    ({ set }) => set?.drain === 'running' && refusals++ === 0,
    () => new Error('no'),
  )
  const second = await scene.deployed(scene.engine({ store }), 'serve text=two')
  expect(second).toMatchObject({ status: 'failed', rollback: { outcome: 'restored' } })
  const applies = order.flatMap((one) => (one.startsWith('proxy.apply') ? [one] : []))
  expect(applies).toEqual(['proxy.apply', 'proxy.apply done', 'proxy.apply', 'proxy.apply done'])
  expect(scene.world.tables.get('res_shop')?.live?.deploymentId).toBe(first.id)
  expect(await scene.owned()).toEqual([first.id])
})

it('what cannot be recorded when the former one is gone undoes nothing: it goes on when it can be', async () => {
  await scene.deployed(scene.engine())
  let refusals = 0
  let drains = false
  const store = refusing(
    ({ set }) => {
      if (drains) return refusals++ < 2
      drains = set?.drain === 'running'
      return false
    },
    () => new Error('no'),
  )
  const second = await scene.deployed(scene.engine({ store }), 'serve text=two')
  expect(refusals).toBeGreaterThan(2)
  expect(second).toMatchObject({ status: 'succeeded', rollback: null, failure: null })
  expect(scene.world.tables.get('res_shop')).toMatchObject({ live: { deploymentId: second.id }, verify: null })
  expect(await scene.owned()).toEqual([second.id])
})

it('who takes it up undoes nothing either when it cannot record what comes after the drain', async () => {
  await scene.deployed(scene.engine())
  let drains = 0
  let refusals = 0
  const store = refusing(
    ({ set }) => {
      if (refusals > 0) return refusals-- > 0
      // What cannot be recorded once of the drain itself is told as a warning, and then that cannot be.
      if (set?.drain === 'running' && ++drains <= 3) refusals = drains === 1 ? 2 : 1
      return false
    },
    () => new Error('no'),
  )
  // No machine tells of the good end.
  const { records: _, ...target } = scene.target
  const second = await scene.deployed(scene.engine({ store, targets: [target] }), 'serve text=two')
  expect(drains).toBe(4)
  expect(second).toMatchObject({ status: 'succeeded', rollback: null, failure: null })
  expect(await scene.owned()).toEqual([second.id])
})

it('a proxy that is away when its routes are to be left alone is told of, and undoes nothing', async () => {
  await scene.deployed(scene.engine())
  let applied = 0
  scene.world.intercept = async (when, { method }) => {
    if (when !== 'before' || method !== 'apply') return
    applied += 1
    if (applied === 3) throw new AppaloftError('runtime-backend-unavailable')
  }
  const second = await scene.deployed(scene.engine(), 'serve text=two')
  expect(second).toMatchObject({ status: 'succeeded', rollback: null })
  expect(second.warnings.map(({ code }) => code)).toEqual(['verify-route-kept'])
  expect(await scene.owned()).toEqual([second.id])
  await scene.engine().reconcile()
  const table = scene.world.tables.get('res_shop')
  expect(table).toMatchObject({ live: { deploymentId: second.id }, staged: null, verify: null })
})

it('a last table that comes late keeps nothing waiting but the end', async () => {
  await scene.deployed(scene.engine())
  let come = () => {}
  const late = new Promise<void>((resolve) => {
    come = resolve
  })
  // It is held up until the former release has gone.
  followed(async ({ part, method }, order) => {
    if (part === 'proxy' && method === 'apply' && !order.includes('target.remove done')) await late
  })
  const engine = scene.engine()
  const attempt = await engine.deployments.create({ resource: scene.definition('serve text=two') })
  await expect.poll(() => scene.owned(), { timeout: 10_000 }).toEqual([attempt.id])
  expect(await engine.deployments.show(attempt.id)).toMatchObject({ status: 'verifying', finishedAt: null })
  expect(scene.world.tables.get('res_shop')?.verify).not.toBeNull()
  come()
  expect(await attempt.done).toMatchObject({ status: 'succeeded', warnings: [] })
  expect(scene.world.tables.get('res_shop')).toMatchObject({ live: { deploymentId: attempt.id }, verify: null })
})

it('what cannot be made to stay takes nothing away, and is told', async () => {
  const first = await scene.deployed(scene.engine())
  scene.world.fail('promoted', new Error('no'))
  const second = await scene.deployed(scene.engine(), 'serve text=two')
  expect(second.status).toBe('succeeded')
  expect(second.warnings.map(({ code }) => code)).toContain('drain-failed')
  expect((await scene.owned()).sort()).toEqual([first.id, second.id].sort())
})

it('what could not be seen ahead is looked at again', async () => {
  await scene.deployed(scene.engine())
  const order = followed()
  let failed = 0
  const { intercept } = scene.world
  scene.world.intercept = async (when, call) => {
    await intercept?.(when, call)
    if (when !== 'before' || order.length === 0 || failed >= 2 || !['list', 'observe'].includes(call.method)) return
    failed += 1
    throw new Error('not now')
  }
  const second = await scene.deployed(scene.engine(), 'serve text=two')
  expect(failed).toBe(2)
  expect(second).toMatchObject({ status: 'succeeded', warnings: [] })
  expect(await scene.owned()).toEqual([second.id])
})

it('what is beyond retention goes beside the drain, and what drains goes after it', async () => {
  const engine = () => scene.engine({ retention: 2 })
  for (const text of ['one', 'two']) {
    await scene.touch(text)
    await scene.deployed(engine(), `serve text=${text}`)
  }
  await scene.touch('three')
  const order = followed(async ({ method }, seen) => {
    if (method === 'remove') await until(() => seen.includes('target.discard'))
  })
  const third = await scene.deployed(engine(), 'serve text=three')
  expect(third).toMatchObject({ status: 'succeeded', warnings: [] })
  expect(order.indexOf('target.discard')).toBeLessThan(order.indexOf('target.remove done'))
  const after = followed()
  await scene.touch('four')
  const fourth = await scene.deployed(scene.engine({ retention: 1 }), 'serve text=four')
  expect(fourth).toMatchObject({ status: 'succeeded', warnings: [] })
  expect(after.indexOf('target.remove done')).toBeLessThan(after.indexOf('target.discard'))
  expect((await scene.store.listReleases({ resourceId: 'res_shop' })).map(({ id }) => id)).toEqual([fourth.release?.id])
})
