import type { Reason } from '@appaloft/core'
import { FakeWorld, fakeProxy, fakeTarget } from '@appaloft/testkit'
import { expect } from 'vitest'
import { application } from './detect-cases.js'
import { inSituation, overridden, type Situation } from './scene.js'

const situation: Situation = {
  files: application,
  target: 'containers',
  profiles: { runtime: { startCommand: 'serve' }, network: { drainSeconds: 0 }, health: { path: '/' } },
}
const starting = (startCommand: string): Situation => ({
  ...situation,
  profiles: { runtime: { startCommand }, network: { drainSeconds: 0 } },
})

const defaulted = (given: Situation): Promise<Reason[]> =>
  inSituation(given, async (engine, resource) => {
    const done = await (await engine.deployments.create({ resource })).done
    expect(done.status, done.failure?.message).toBe('succeeded')
    return done.warnings.filter(({ code }) => code === 'health-policy-defaulted')
  })

/** A machine whose builds wait until they are let go on, or are cut off. */
function held() {
  const world = new FakeWorld()
  const waiting: (() => void)[] = []
  let arrived = () => {}
  world.intercept = (when, call) => {
    if (when !== 'before' || call.method !== 'build') return
    return new Promise<void>((resolve, reject) => {
      call.signal?.addEventListener('abort', () => reject(call.signal?.reason), { once: true })
      waiting.push(resolve)
      arrived()
    })
  }
  return {
    target: fakeTarget({ world, proxy: fakeProxy({ world }) }),
    reached: () =>
      new Promise<void>((resolve) => {
        arrived = resolve
        if (waiting.length > 0) resolve()
      }),
    release: () => {
      for (const one of waiting.splice(0)) one()
    },
  }
}

/** Reasons that no preview carries: they come of an attempt. */
export const createCases: Record<string, () => Promise<void>> = {
  'plan-stale': () =>
    inSituation(situation, async (engine, resource) => {
      const seen = await engine.deployments.plan({ resource })
      const changed = { ...resource, health: { path: '/ready' } }
      const stale = await (await engine.deployments.create({ resource: changed, fingerprint: seen.fingerprint })).done
      expect(stale).toMatchObject({ status: 'failed', failure: { code: 'plan-stale', phase: 'plan' } })
      // Its fix: a new preview, and the fingerprint of that.
      const { fingerprint } = await engine.deployments.plan({ resource: changed })
      const done = await (await engine.deployments.create({ resource: changed, fingerprint })).done
      expect(done.status, done.failure?.message).toBe('succeeded')
    }),

  'deployment-in-progress': async () => {
    const { target, reached, release } = held()
    await inSituation({ ...situation, target, concurrency: 'reject' }, async (engine, resource) => {
      const first = await engine.deployments.create({ resource })
      await reached()
      const again = async () => (await engine.deployments.create({ resource })).done
      expect(await again()).toMatchObject({
        status: 'failed',
        failure: { code: 'deployment-in-progress', phase: 'plan' },
      })
      // Its fixes: wait for it, or cancel it; that a newer one supersedes it is the other way to compose an engine.
      release()
      expect((await first.done).status).toBe('succeeded')
      const second = await engine.deployments.create({ resource })
      await reached()
      await engine.deployments.cancel(second.id)
      await second.done
      release()
      const third = again()
      await reached()
      release()
      expect((await third).status).toBe('succeeded')
    })
  },

  'health-policy-defaulted': async () => {
    const before = starting('serve status=404')
    const [reason] = await defaulted(before)
    expect(reason?.overridePath).toHaveLength(2)
    expect(reason?.fixPath).toHaveLength(1)
    expect(await defaulted(starting('serve status=200'))).toEqual([])
    const values = { 'health.path': '/health' }
    const status = reason?.overridePath.find(({ profileField }) => profileField === 'health.expectedStatus')
    const path = reason?.overridePath.find(({ profileField }) => profileField === 'health.path')
    expect(await defaulted(overridden(before, status!, values))).toEqual([])
    expect(await defaulted(overridden(starting('serve'), path!, values))).toEqual([])
  },
}
