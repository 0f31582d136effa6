import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { gate } from '../../../test/engine.js'
import { Fleet, ids, statuses } from '../../../test/fleet.js'
import { AppaloftError } from '../../spec/errors.js'

let fleet: Fleet
beforeEach(async () => {
  fleet = await Fleet.make()
})
afterEach(() => fleet.close())

const together = { promote: 'together', batch: 2 } as const

describe('a cancel', () => {
  /** The rollout stands still on one machine, at the first call of a method. */
  const standing = (key: string, method: string) => {
    const at = gate()
    const go = gate()
    let used = false
    fleet.intercept(async (_, when, call) => {
      if (used || when !== 'before' || call.method !== method) return
      used = true
      at.arrive()
      await Promise.race([go.reached, new Promise((resolve) => call.signal?.addEventListener('abort', resolve))])
    }, key)
    return { reached: at.reached, go: go.arrive }
  }

  it('by its id stops what runs, begins nothing more, and keeps what is done', async () => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    const held = standing('b', 'build')
    const handle = await engine.deployments.rollout({ resource: fleet.definition('serve text=2') })
    await held.reached
    await engine.deployments.cancel(handle.id)
    const done = await handle.done
    expect(done).toMatchObject({ status: 'canceled', failure: null })
    expect(statuses(done)).toEqual({ a: 'succeeded', b: 'canceled', c: 'not-begun' })
    expect(await fleet.serving()).toEqual({ ...before, a: ids(done).a })
    await expect(engine.deployments.cancel(handle.id)).rejects.toMatchObject({ code: 'already-terminal' })
  })

  it('by its signal, with rollback, takes back what is done', async () => {
    const engine = fleet.engine()
    await fleet.deployed(engine)
    const present = await fleet.deployed(engine, 'serve text=1')
    const held = standing('b', 'start')
    const abort = new AbortController()
    const handle = await engine.deployments.rollout(
      { resource: fleet.definition('serve text=2') },
      { onFailure: 'rollback', signal: abort.signal },
    )
    await held.reached
    abort.abort()
    const done = await handle.done
    expect(done.status).toBe('canceled')
    const [a] = done.targets
    expect(a).toMatchObject({ status: 'succeeded', rollback: { outcome: 'restored' } })
    expect(await fleet.serving()).toEqual({ ...present, a: a!.rollback!.deploymentId })
  })

  it('together, while they wait: none has it', async () => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    const held = standing('c', 'build')
    const handle = await engine.deployments.rollout({ resource: fleet.definition('serve text=2') }, together)
    await held.reached
    await engine.deployments.cancel(handle.id)
    const done = await handle.done
    expect(statuses(done)).toEqual({ a: 'canceled', b: 'canceled', c: 'canceled' })
    expect(await engine.deployments.showRollout(handle.id)).toEqual(done)
    expect(await fleet.serving()).toEqual(before)
  })

  it('together, while some are promoted: they go back', async () => {
    const engine = fleet.engine()
    const before = await fleet.deployed(engine)
    const promoted = gate()
    const go = gate()
    let applied = 0
    fleet.intercept(async (_, when, { method }) => {
      if (method !== 'apply' || when !== 'before') return
      applied += 1
      if (applied !== 2) return
      promoted.arrive()
      await go.reached
    }, 'c')
    const handle = await engine.deployments.rollout({ resource: fleet.definition('serve text=2') }, together)
    await promoted.reached
    await engine.deployments.cancel(handle.id)
    go.arrive()
    const done = await handle.done
    expect(statuses(done)).toEqual({ a: 'canceled', b: 'canceled', c: 'canceled' })
    expect(done.targets.map((one) => one.rollback?.outcome)).toEqual(Array(3).fill('restored'))
    expect(await fleet.serving()).toEqual(before)
  })

  it('of one of its deployments ends it', async () => {
    const engine = fleet.engine()
    const held = standing('a', 'build')
    const handle = await engine.deployments.rollout({ resource: fleet.definition() })
    await held.reached
    await engine.deployments.cancel(handle.deployments[0]!.deploymentId)
    const done = await handle.done
    expect(done).toMatchObject({ status: 'canceled', failure: null })
    expect(done.targets[0]).toMatchObject({ target: 'a', code: 'canceled' })
    expect(statuses(done)).toEqual({ a: 'canceled', b: 'not-begun', c: 'not-begun' })
  })

  it('from another engine reaches it', async () => {
    const held = standing('b', 'build')
    const handle = await fleet.engine().deployments.rollout({ resource: fleet.definition() })
    await held.reached
    await fleet.engine().deployments.cancel(handle.id)
    held.go()
    expect(statuses(await handle.done)).toEqual({ a: 'succeeded', b: 'canceled', c: 'not-begun' })
  })

  it('by close', async () => {
    const engine = fleet.engine()
    const held = standing('b', 'build')
    const handle = await engine.deployments.rollout({ resource: fleet.definition() })
    await held.reached
    await engine.close({ mode: 'cancel' })
    expect(statuses(await handle.done)).toEqual({ a: 'succeeded', b: 'canceled', c: 'not-begun' })
  })

  it('of none is rollout-not-found', async () => {
    const none = `rol_${'0'.repeat(26)}`
    await expect(fleet.engine().deployments.cancel(none)).rejects.toMatchObject({ code: 'rollout-not-found' })
  })
})

describe('two rollouts of a resource', () => {
  const slow = { resource: () => fleet.definition('serve text=2') }
  const begun = async (engine = fleet.engine()) => {
    let used = false
    const at = gate()
    const go = gate()
    fleet.intercept(async (_, when, { method, signal }) => {
      if (method !== 'build' || when !== 'before' || used) return
      used = true
      at.arrive()
      await Promise.race([go.reached, new Promise((resolve) => signal?.addEventListener('abort', resolve))])
    }, 'b')
    const handle = await engine.deployments.rollout({ resource: slow.resource() })
    await at.reached
    return { handle, go: go.arrive }
  }

  it('reject: the second is refused', async () => {
    const engine = fleet.engine({ concurrency: 'reject' })
    const { handle, go } = await begun(engine)
    const refused = engine.deployments.rollout({ resource: 'res_shop' })
    await expect(refused).rejects.toMatchObject({
      code: 'deployment-in-progress',
      details: { rolloutId: handle.id },
    })
    go()
    expect((await handle.done).status).toBe('succeeded')
  })

  it('wait: the second follows', async () => {
    const engine = fleet.engine({ concurrency: 'wait' })
    const { handle, go } = await begun(engine)
    const second = engine.deployments.rollout({ resource: fleet.definition('serve text=3') })
    setTimeout(go, 150)
    expect((await handle.done).status).toBe('succeeded')
    const done = await (await second).done
    expect(done.status).toBe('succeeded')
    expect(await fleet.serving()).toEqual(ids(done))
  })

  it('supersede: the first is stopped, also by another engine', async () => {
    const { handle } = await begun()
    const done = await (await fleet.engine().deployments.rollout({ resource: fleet.definition('serve text=3') })).done
    expect(statuses(await handle.done)).toEqual({ a: 'succeeded', b: 'canceled', c: 'not-begun' })
    expect(done.status).toBe('succeeded')
    expect(await fleet.serving()).toEqual(ids(done))
  })
})

it('what cannot be begun anywhere is thrown, and the next rollout is not kept from anything', async () => {
  const engine = fleet.engine()
  const { store } = fleet.scene
  const refusing = fleet.engine({
    store: { ...store, createDeployment: () => Promise.reject(new AppaloftError('store-corrupt')) },
  })
  const resource = fleet.definition()
  await expect(refusing.deployments.rollout({ resource })).rejects.toMatchObject({ code: 'store-corrupt' })
  expect((await (await engine.deployments.rollout({ resource })).done).status).toBe('succeeded')
})
