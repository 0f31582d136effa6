import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Scene } from '../../test/engine.js'
import { diagnosticsSchema, recoverySchema } from '../spec/index.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

const withToken = (value: string) => ({ environment: { TOKEN: { value, secret: true } } })

describe('recovery', () => {
  it('says of every kept release whether it can be gone back to', async () => {
    const engine = scene.engine()
    const first = await scene.deployed(engine)
    const second = await scene.deployed(engine, 'serve text=two')
    const found = recoverySchema.parse(await engine.deployments.recovery(second.id))
    expect(found).toMatchObject({ retryable: false, redeployable: true, rollbackReady: true, recommended: null })
    expect(found.candidates.map((one) => [one.releaseId, one.live, one.ready])).toEqual([
      [second.release?.id, true, false],
      [first.release?.id, false, true],
    ])
    for (const one of found.candidates) expect(one.ready || one.reasons.length > 0).toBe(true)
    expect(found.reasons.map((one) => [one.verb, one.code])).toEqual([
      ['retry', 'not-retryable'],
      ['cancel', 'already-terminal'],
    ])
  })

  it('carries a state version that makes a later verb fail', async () => {
    const engine = scene.engine()
    await scene.deployed(engine)
    const failed = await scene.deployed(engine, 'serve status=500')
    const { stateVersion, retryable } = await engine.deployments.recovery(failed.id)
    expect(retryable).toBe(true)
    await scene.deployed(engine, 'serve text=newer')
    await expect(engine.deployments.retry(failed.id, { stateVersion })).rejects.toMatchObject({
      code: 'recovery-state-stale',
    })
    const present = await engine.deployments.recovery(failed.id)
    const again = await engine.deployments.retry(failed.id, { stateVersion: present.stateVersion })
    expect((await again.done).status).toBe('failed')
  })

  it('warns of secrets that were rotated, and refuses those that are gone', async () => {
    const engine = scene.engine()
    const first = await scene.deployed(engine, undefined, withToken('value-of-then'))
    const second = await scene.deployed(engine, undefined, withToken('value-of-today'))
    const candidate = async () =>
      (await engine.deployments.recovery(second.id)).candidates.find((one) => one.releaseId === first.release?.id)
    expect(await candidate()).toMatchObject({ ready: true, reasons: [{ code: 'secret-rotated' }] })
    await scene.store.removeSealed({ resourceId: 'res_shop', name: 'TOKEN', version: 1 })
    expect(await candidate()).toMatchObject({ ready: false, reasons: [{ code: 'secret-unavailable' }] })
    expect((await engine.deployments.recovery(second.id)).rollbackReady).toBe(false)
  })

  it('recommends what the failure asks for', async () => {
    const engine = scene.engine()
    const sick = await scene.deployed(engine, 'serve status=500')
    expect((await engine.deployments.recovery(sick.id)).recommended?.verb).toBe('redeploy')
    scene.world.fail('start', new Error('the machine is away'), { part: 'target' })
    const unlucky = await scene.deployed(engine)
    expect((await engine.deployments.recovery(unlucky.id)).recommended?.verb).toBe('retry')
  })

  it('knows nothing of an attempt that is not there', async () => {
    const engine = scene.engine()
    await expect(engine.deployments.recovery('dep_none')).rejects.toMatchObject({ code: 'deployment-not-found' })
  })
})

describe('diagnostics', () => {
  it('hold what happened, and no secret', async () => {
    const engine = scene.engine()
    const secret = 'hunter2-very-secret'
    const failed = await scene.deployed(engine, 'serve env=TOKEN status=500', withToken(secret))
    const document = diagnosticsSchema.parse(await engine.deployments.diagnostics(failed.id))
    expect(document.problems).toEqual([])
    expect(document.deployment.failure?.code).toBe('health-status-unexpected')
    expect(document.events.at(-1)?.type).toBe('deployment-finished')
    expect(document.plan).toMatchObject({ environment: { TOKEN: { secret: true } } })
    expect(document.target).toMatchObject({ key: 'fake' })
    expect(JSON.stringify(document)).not.toContain(secret)
  })

  it('degrade one section at a time', async () => {
    const engine = scene.engine()
    const done = await scene.deployed(engine)
    scene.world.fail('probe', new Error('no answer'), { part: 'target' })
    const document = await engine.deployments.diagnostics(done.id)
    expect(document.problems).toMatchObject([{ section: 'probe', message: 'no answer' }])
    expect(document.target).toMatchObject({ key: 'fake', probe: null })
    expect(document.status).not.toBeNull()
  })
})

describe('prune', () => {
  it('forgets the events of attempts long ended, which a follower is told by a gap', async () => {
    const engine = scene.engine()
    const old = await scene.deployed(engine, 'serve status=500')
    const live = await scene.deployed(engine)
    const report = await engine.prune({ history: 0 })
    expect(report.events).toBeGreaterThan(5)
    const kinds = async (id: string) => {
      const seen = []
      for await (const one of engine.deployments.events(id)) seen.push(one.kind)
      return seen
    }
    expect(await kinds(old.id)).toEqual(['gap', 'closed'])
    expect(await kinds(live.id)).not.toContain('gap')
    expect((await engine.deployments.show(old.id)).failure?.code).toBe('health-status-unexpected')
  })
})
