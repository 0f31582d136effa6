import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { anyPlanner } from '../../../test/engine.js'
import { Fleet, ids } from '../../../test/fleet.js'
import type { Appaloft, AppaloftOptions } from '../../spec/api.js'
import { rolloutFingerprint } from './fingerprint.js'

let fleet: Fleet
beforeEach(async () => {
  fleet = await Fleet.make(['a', 'b'])
})
afterEach(() => fleet.close())

const attempts = async (engine: Appaloft) => (await engine.deployments.list()).items.length

/** The first machine builds only when it is let: resolves when it has begun to. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const reached = new Promise<void>((resolve) => {
    fleet.intercept(async (_, when, { method, signal }) => {
      if (method !== 'build' || when !== 'before') return
      resolve()
      const aborted = new Promise((done) => signal?.addEventListener('abort', done, { once: true }))
      await Promise.race([opened, aborted])
    }, 'a')
  })
  return { open, reached }
}

describe('a rollout with an idempotency key', () => {
  const keyed = (engine: Appaloft, text = '1', options = {}) =>
    engine.deployments.rollout({ resource: fleet.definition(`serve text=${text}`), idempotencyKey: 'k' }, options)

  it('is the same one for the same key, while it runs and after it, whatever else is asked for', async () => {
    const engine = fleet.engine()
    const { open, reached } = gate()
    const first = await keyed(engine)
    await reached
    const again = await keyed(engine, '2', { batch: 2 })
    open()
    expect(again.id).toBe(first.id)
    const done = await first.done
    expect(done.status).toBe('succeeded')
    expect(await again.done).toEqual(done)
    expect(again.deployments).toEqual(first.deployments)
    const later = await keyed(engine, '3')
    expect({ id: later.id, deployments: later.deployments }).toEqual({ id: first.id, deployments: first.deployments })
    expect(await later.done).toEqual(done)
    expect(await fleet.serving()).toEqual(ids(done))
    expect(await attempts(engine)).toBe(2)
    const other = await engine.deployments.rollout({ resource: 'res_shop', idempotencyKey: 'other' })
    expect(other.id).not.toBe(first.id)
    expect((await other.done).status).toBe('succeeded')
  })

  it('is found by another engine, which is told its end', async () => {
    const { open, reached } = gate()
    const first = await keyed(fleet.engine())
    await reached
    const again = await keyed(fleet.engine())
    expect(again.id).toBe(first.id)
    open()
    expect((await first.done).status).toBe('succeeded')
    expect((await again.done).status).toBe('succeeded')
    expect(await attempts(fleet.engine())).toBe(2)
  })

  it.each(['supersede', 'wait', 'reject'] as const)(
    'is one where two are asked for at once (%s)',
    async (concurrency) => {
      const engines = [1, 2, 3].map(() => fleet.engine({ concurrency } satisfies Partial<AppaloftOptions>))
      const all = await Promise.all(engines.map((one) => keyed(one)))
      expect(new Set(all.map(({ id }) => id)).size).toBe(1)
      for (const { done } of all) expect((await done).status).toBe('succeeded')
      expect(await attempts(engines[0]!)).toBe(2)
    },
  )

  it('is canceled by any of its callers', async () => {
    const engine = fleet.engine()
    const { reached } = gate()
    const first = await keyed(engine)
    await reached
    const abort = new AbortController()
    const again = await keyed(engine, '1', { signal: abort.signal })
    abort.abort()
    expect((await again.done).status).toBe('canceled')
    expect((await first.done).status).toBe('canceled')
  })

  it('has none that a deployment of the resource has, nor the other way about', async () => {
    const engine = fleet.engine()
    const resource = fleet.definition()
    const one = await engine.deployments.create({ resource, target: 'a', idempotencyKey: 'one' })
    await one.done
    await expect(engine.deployments.rollout({ resource, idempotencyKey: 'one' })).rejects.toMatchObject({
      ...{ code: 'invalid-input', message: expect.stringContaining(`the deployment ${one.id}`) },
    })
    const { id, done } = await keyed(engine)
    await done
    const taken = engine.deployments.create({ resource, target: 'a', idempotencyKey: 'k' })
    await expect(taken).rejects.toMatchObject({
      ...{ code: 'invalid-input', message: expect.stringContaining(`the rollout ${id}`) },
    })
    expect(await attempts(engine)).toBe(3)
  })
})

describe('a rollout with a fingerprint', () => {
  const shown = async (engine: Appaloft, target: string) =>
    (await engine.deployments.plan({ resource: fleet.definition(), target })).fingerprint
  const resource = () => fleet.definition()

  it('does what the previews showed, and each attempt says so', async () => {
    const engine = fleet.engine()
    const fingerprint = { a: await shown(engine, 'a'), b: await shown(engine, 'b') }
    for (const one of [fingerprint, rolloutFingerprint(fingerprint)]) {
      const done = await (await engine.deployments.rollout({ resource: resource(), fingerprint: one })).done
      expect(done.status).toBe('succeeded')
      for (const { target, deploymentId } of done.targets)
        expect((await engine.deployments.show(deploymentId!)).planFingerprint).toBe(fingerprint[target as 'a' | 'b'])
    }
    const alone = { resource: resource(), fingerprint: fingerprint.b }
    expect((await (await engine.deployments.rollout(alone, { targets: ['b'] })).done).status).toBe('succeeded')
  })

  it('is refused before anything begins when the source changed since', async () => {
    const engine = fleet.engine()
    const fingerprint = { a: await shown(engine, 'a'), b: await shown(engine, 'b') }
    await fleet.scene.touch('changed')
    for (const one of [fingerprint, rolloutFingerprint(fingerprint)])
      await expect(engine.deployments.rollout({ resource: resource(), fingerprint: one })).rejects.toMatchObject({
        code: 'plan-stale',
        recoveryHint: expect.stringContaining('new preview'),
      })
    expect(await attempts(engine)).toBe(0)
  })

  it('is refused before anything begins when it is another one on one target alone', async () => {
    const engine = fleet.engine()
    const [a, b] = [await shown(engine, 'a'), await shown(engine, 'b')]
    await expect(engine.deployments.rollout({ resource: resource(), fingerprint: { a, b: a } })).rejects.toMatchObject({
      ...{ code: 'plan-stale', details: { targets: ['b'], expected: a, present: b } },
    })
    expect(await attempts(engine)).toBe(0)
  })

  it('is compared once more by each attempt', async () => {
    const engine = fleet.engine()
    const fingerprint = { a: await shown(engine, 'a'), b: await shown(engine, 'b') }
    let detections = 0
    const planner = anyPlanner()
    const changing = fleet.engine({
      planners: [
        {
          ...planner,
          async plan(...given: Parameters<typeof planner.plan>) {
            detections += 1
            // After the looks at both targets.
            if (detections === 3) await fleet.scene.touch('changed')
            return planner.plan(...given)
          },
        },
      ],
    })
    const done = await (await changing.deployments.rollout({ resource: resource(), fingerprint })).done
    expect(done).toMatchObject({ status: 'failed', failure: { code: 'plan-stale' } })
  })

  it.each([
    [{ a: 'x' }, /fingerprint: none is given for b/],
    [{ a: 'x', b: 'x', z: 'x' }, /fingerprint\.z: no target of this rollout/],
    ['', /fingerprint/],
  ])('%j is refused', async (fingerprint, message) => {
    const refused = fleet.engine().deployments.rollout({ resource: resource(), fingerprint })
    await expect(refused).rejects.toMatchObject({ code: 'invalid-input' })
    await expect(refused).rejects.toThrow(message)
  })

  it('is none of a rollback', async () => {
    const refused = fleet.engine().deployments.rollout({ resource: 'res_shop', rollback: {}, fingerprint: 'x' })
    await expect(refused).rejects.toThrow(/fingerprint: not with rollback/)
  })
})
