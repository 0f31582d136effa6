import { fakeTarget } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Scene, visit } from '../../test/engine.js'
import { memoryStore } from '../index.js'
import type { Appaloft } from '../spec/api.js'
import type { Store } from '../spec/store.js'

// Two laptops and a machine: each has a store of its own, and the key of the secrets is that of the state folder.

let scene: Scene
let other: Store
beforeEach(async () => {
  scene = await Scene.make()
  other = memoryStore()
})
afterEach(() => scene.close())

const first = () => scene.engine()
const second = (options: Parameters<Scene['engine']>[0] = {}) => scene.engine({ store: other, ...options })
const id = 'res_shop'
const names = () => [...(scene.world.records.get(id)?.keys() ?? [])]
const text = (name: string) => JSON.parse(scene.world.records.get(id)?.get(name) ?? 'null')

async function deploy(engine: Appaloft, words: string, rest: object = {}) {
  await scene.touch(words)
  const { status, failure, ...one } = await scene.deployed(engine, `serve text=${words}`, rest)
  expect({ status, failure }).toEqual({ status: 'succeeded', failure: null })
  return { ...one, url: one.accessUrls[0] ?? '' }
}
const rollback = async (engine: Appaloft, options: { to?: string; secrets?: 'current' } = {}) =>
  (await engine.deployments.rollback(id, options)).done
const listed = async (engine: Appaloft) => (await engine.deployments.list()).items.map((one) => one.id)
const liveIn = async (store: Store, target = 'fake') => (await store.getResource(id))?.live[target]

describe('an engine with an empty store', () => {
  it('lists, shows, and tells the status of what another deployed', async () => {
    const one = await deploy(first(), 'one')
    const two = await deploy(first(), 'two')
    const engine = second()
    const [resource, ...rest] = await engine.resources.list()
    expect([resource?.id, rest.length]).toEqual([id, 0])
    expect(resource?.definition).toEqual((await scene.store.getResource(id))?.definition)
    expect(await listed(engine)).toEqual([two.id, one.id])
    const shown = await engine.deployments.show(two.id)
    const { url: _url, ...told } = two
    expect(shown).toEqual({ ...told, status: 'succeeded', failure: null, finishedAt: expect.any(String) })
    expect(await engine.resources.status(id)).toMatchObject({
      desired: { deploymentId: two.id, releaseId: two.release?.id },
      observed: { live: { deploymentId: two.id }, state: 'running' },
      urls: [two.url],
      drift: [],
    })
    const events = []
    for await (const one of engine.deployments.events(two.id)) events.push(one)
    expect(events.map((one) => (one.kind === 'event' ? one.event.type : one.kind))).toEqual([
      'deployment-accepted',
      'deployment-finished',
      'closed',
    ])
    // Nothing was done to the machine for it.
    expect(await engine.reconcile()).toEqual({ ended: [], removed: [], routed: [], problems: [] })
    expect(await visit(two.url)).toEqual({ status: 200, deployment: two.id })
  })

  it('rolls back what another deployed, and the other sees it', async () => {
    const one = await deploy(first(), 'one')
    const two = await deploy(first(), 'two')
    const back = await rollback(second())
    expect(back).toMatchObject({ status: 'succeeded', trigger: 'rollback', release: { id: one.release?.id } })
    expect(await visit(two.url)).toEqual({ status: 200, deployment: back.id })
    expect(await scene.owned()).toEqual([back.id])
    const again = first()
    expect(await listed(again)).toEqual([back.id, two.id, one.id])
    expect(await again.resources.status(id)).toMatchObject({ desired: { deploymentId: back.id }, drift: [] })
    // The one live before is what it goes back to.
    expect((await rollback(again)).release?.id).toBe(two.release?.id)
  })

  it('deploys beside it: what was live drains, and comes back where the new one fails', async () => {
    const one = await deploy(first(), 'one')
    const engine = second()
    const failed = await scene.deployed(engine, 'serve status=500')
    expect(failed).toMatchObject({ status: 'failed', rollback: { outcome: 'restored', releaseId: one.release?.id } })
    expect(await visit(one.url)).toEqual({ status: 200, deployment: one.id })
    const two = await deploy(engine, 'two')
    expect(await visit(one.url)).toEqual({ status: 200, deployment: two.id })
    expect(await scene.owned()).toEqual([two.id])
  })

  it('removes it, with what the machine was told', async () => {
    const { url } = await deploy(first(), 'one')
    await second().resources.remove(id)
    expect((await visit(url)).status).toBe(404)
    expect([await scene.owned(), names()]).toEqual([[], []])
    expect(await scene.engine({ store: memoryStore() }).resources.list()).toEqual([])
  })

  it('knows its target by its own key', async () => {
    const { url } = await deploy(first(), 'one')
    await deploy(first(), 'two')
    const engine = second({ targets: [fakeTarget({ world: scene.world, key: 'mine' })] })
    expect(await engine.resources.status(id)).toMatchObject({ target: 'mine', drift: [] })
    const back = await rollback(engine)
    expect(back).toMatchObject({ status: 'succeeded', target: 'mine' })
    expect((await other.getRelease(back.release?.id ?? ''))?.plan.target).toBe('mine')
    expect(await visit(url)).toEqual({ status: 200, deployment: back.id })
  })

  it('is told that a machine does not answer, and goes on', async () => {
    scene.world.fail('list-records', new Error('no way there'))
    const { problems } = await second().reconcile()
    expect(problems).toEqual([{ resourceId: null, code: 'internal-error', message: 'no way there' }])
    scene.world.fail('list-records', new Error('no way there'))
    expect(await second().resources.list()).toEqual([])
  })
})

describe('two engines in turn', () => {
  it('go back to what was there before, also by a rollout, and by an engine that looked at the machine long ago', async () => {
    const [a, b] = [first(), second()]
    const one = await deploy(a, 'one')
    const two = await deploy(b, 'two')
    const { done } = await a.deployments.rollout({ resource: id, rollback: {} })
    const { status, targets } = await done
    expect([status, targets.length]).toEqual(['succeeded', 1])
    expect((await a.deployments.show(targets[0]?.deploymentId ?? '')).release?.id).toBe(one.release?.id)
    expect(await listed(a)).toContain(two.id)
  })

  it('agree on what is live, what comes next and what was before', async () => {
    const [a, b] = [first(), second()]
    const one = await deploy(a, 'one')
    await b.resources.list()
    const two = await deploy(b, 'two')
    const three = await deploy(a, 'three')
    const four = await deploy(b, 'four')
    expect(await scene.owned()).toEqual([four.id])
    const all = [four, three, two, one].map((each) => each.id)
    for (const store of [scene.store, other]) {
      const engine = scene.engine({ store })
      expect((await listed(engine)).sort()).toEqual([...all].sort())
      expect(await liveIn(store)).toEqual({ deploymentId: four.id, releaseId: four.release?.id })
      const { candidates } = await engine.deployments.recovery(four.id)
      expect(candidates.map((each) => each.deploymentId)).toEqual(all)
    }
    // To the other's release, by the other's word.
    const back = await rollback(a, { to: two.release?.id ?? '' })
    expect(back.status).toBe('succeeded')
    expect((await rollback(b)).release?.id).toBe(four.release?.id)
    expect((await scene.engine().deployments.recovery(one.id)).candidates.map((each) => each.deploymentId)).toEqual(
      [four, two, three, one].map((each) => each.id),
    )
  })

  it('keep no more than either of them lets the machine keep', async () => {
    const [a, b] = [() => scene.engine({ retention: 2 }), () => second({ retention: 2 })]
    const one = await deploy(a(), 'one')
    const two = await deploy(b(), 'two')
    const three = await deploy(b(), 'three')
    expect(names().sort()).toEqual([two.id, three.id].sort())
    expect((await b().deployments.recovery(three.id)).candidates).toHaveLength(2)
    const { candidates } = await a().deployments.recovery(three.id)
    expect(candidates.map((each) => each.deploymentId)).toEqual([three.id, two.id])
    expect(await scene.store.getRelease(one.release?.id ?? '')).toBeNull()
    // Going to and fro leaves but the first and the last attempt of each release.
    for (let times = 0; times < 4; times++)
      expect((await rollback(times % 2 === 0 ? a() : b())).status).toBe('succeeded')
    expect(names().length).toBe(4)
  })

  it('take over a definition that was deployed later, and leave alone what was defined here since', async () => {
    const [a, b] = [first(), second()]
    await deploy(a, 'one')
    await b.resources.list()
    const started = async (store: Store) => (await store.getResource(id))?.definition.runtime?.startCommand
    await deploy(a, 'two')
    await second().resources.list()
    expect(await started(other)).toBe('serve text=two')
    await b.resources.define(scene.definition('serve text=mine'))
    await deploy(a, 'three')
    await second().resources.list()
    expect(await started(other)).toBe('serve text=mine')
    expect(await liveIn(other)).toEqual(await liveIn(scene.store))
    // A rollback is none: what the resource is to be was not changed by it.
    await rollback(a)
    await a.resources.define(scene.definition('serve text=three'))
    const third = memoryStore()
    await scene.engine({ store: third }).resources.list()
    expect(await started(third)).toBe('serve text=three')
  })

  it('a resource defined on both is one: what is live on the machine is live for both', async () => {
    const b = second()
    await b.resources.define(scene.definition('serve text=mine', { network: { drainSeconds: 2 } }))
    const one = await deploy(first(), 'one')
    const mine = await b.resources.redeploy(id)
    expect((await mine.done).status).toBe('succeeded')
    expect((await b.deployments.show(one.id)).status).toBe('succeeded')
    expect((await other.getDeployment(mine.id))?.previous?.deploymentId).toBe(one.id)
    expect((await other.getResource(id))?.definition.network?.drainSeconds).toBe(2)
  })
})

describe('what the machine is told', () => {
  it('is told before traffic moves, and again at the end', async () => {
    const seen: unknown[] = []
    scene.world.intercept = async (when, { method }) => {
      if (when === 'before' && method === 'apply')
        seen.push(names().map((name) => [text(name).deployment.status, text(name).deployment.promotion]))
    }
    const { id: made } = await deploy(first(), 'one')
    // The staged route, the promotion, and its routes without the token, after which it is sure to stay.
    const promoting = [['verifying', 'intended']]
    expect(seen).toEqual([[], promoting, promoting])
    expect(names()).toEqual([made])
    expect(text(made)).toMatchObject({
      schemaVersion: 1,
      deployment: { status: 'succeeded', promotion: 'recorded' },
      release: { id: expect.any(String) },
    })
  })

  it('is what takes the traffic, and nothing else', async () => {
    const one = await deploy(first(), 'one')
    for (const bad of ['serve exit-after=0 exit-code=3', 'serve status=500'])
      expect((await scene.deployed(first(), bad)).status).toBe('failed')
    expect(names()).toEqual([one.id])
    // Promoted, and taken back.
    let asked = 0
    scene.world.intercept = async (when, { method, part }) => {
      if (when === 'before' && part === 'proxy' && method === 'endpoint' && ++asked === 2)
        throw new Error('no endpoint')
    }
    await scene.touch('two')
    scene.world.fail('put-record', new Error('no space'), { times: 2 })
    const failed = await scene.deployed(first(), 'serve text=two')
    expect(failed).toMatchObject({ status: 'failed', rollback: { outcome: 'restored' } })
    expect(names()).toEqual([one.id])
    expect(await visit(one.url)).toEqual({ status: 200, deployment: one.id })
  })

  it('is told later where it could not be told at the end', async () => {
    let puts = 0
    scene.world.intercept = async (when, { method }) => {
      if (when === 'before' && method === 'put-record' && ++puts === 2) throw new Error('no space')
    }
    const one = await deploy(first(), 'one')
    expect(one.warnings.map(({ code }) => code)).toEqual(['record-not-written'])
    scene.world.intercept = null
    expect(text(one.id).deployment.status).toBe('verifying')
    const two = await deploy(first(), 'two')
    expect(text(one.id).deployment.status).toBe('succeeded')
    expect(await listed(second())).toEqual([two.id, one.id])
  })

  it('learns of what was deployed before it kept records', async () => {
    const before = scene.engine({ targets: [fakeTarget({ world: scene.world, records: false })] })
    const one = await deploy(before, 'one')
    const two = await deploy(before, 'two')
    expect(names()).toEqual([])
    const three = await deploy(first(), 'three')
    expect(names().sort()).toEqual([one.id, two.id, three.id].sort())
    expect(await listed(second())).toEqual([three.id, two.id, one.id])
    expect((await rollback(second(), { to: one.release?.id ?? '' })).status).toBe('succeeded')
  })

  it('costs an attempt no call that another waits for, but where somebody else was there', async () => {
    await deploy(first(), 'one')
    const calls = () => scene.world.calls.filter(({ method }) => method === 'list-records').length
    const engine = first()
    await engine.resources.list()
    const before = calls()
    await deploy(engine, 'two')
    expect(calls() - before).toBe(1)
  })
})

describe('what cannot be read', () => {
  const problems = async (engine: Appaloft) =>
    (await engine.reconcile()).problems.map((one) => [one.resourceId, one.code, one.message])

  it.each([
    ['garbage', () => 'no record'],
    ['a newer version', (was: string) => JSON.stringify({ ...JSON.parse(was), schemaVersion: 2 })],
    ['half of it', (was: string) => JSON.stringify({ ...JSON.parse(was), release: {} })],
    ['another’s', (was: string) => was.replaceAll('res_shop', 'res_other')],
  ])('%s is told, and the rest is there', async (_what, change) => {
    const one = await deploy(first(), 'one')
    const two = await deploy(first(), 'two')
    const was = scene.world.records.get(id)?.get(two.id) ?? ''
    scene.world.records.get(id)?.set(two.id, change(was))
    const engine = second()
    expect(await problems(engine)).toEqual([[id, 'record-unreadable', expect.stringContaining(two.id)]])
    expect(await listed(engine)).toEqual([one.id])
    // It is left to who can read it.
    await rollback(engine, { to: one.release?.id ?? '' })
    expect(names()).toContain(two.id)
  })
})

describe('secrets', () => {
  const secret = (value: string) => ({ environment: { TOKEN: { value, secret: true } } })
  const elsewhere = () => ({ stateDir: `${scene.folder}-state/another` })

  it('lie with the records, sealed, and are opened by who has the key', async () => {
    const one = await deploy(first(), 'one', secret('correct-horse-battery'))
    await deploy(first(), 'two', secret('staple-correct-horse'))
    expect([...(scene.world.records.get(id)?.values() ?? [])].join()).not.toMatch(/horse/)
    expect(text(one.id).sealed).toHaveLength(1)
    const back = await rollback(second())
    expect(back).toMatchObject({ status: 'succeeded', release: { id: one.release?.id } })
    const app = scene.world.app(back.id, back.release?.id ?? '')
    expect(app?.input.environment.TOKEN).toBe('correct-horse-battery')
    expect((await other.listSealed(id, 'TOKEN')).map((each) => each.version)).toEqual([1, 2])
  })

  it('without the key nothing is touched', async () => {
    await deploy(first(), 'one', secret('correct-horse-battery'))
    const two = await deploy(first(), 'two', secret('staple-correct-horse'))
    const engine = second(elsewhere())
    await engine.resources.list()
    const effects = () => scene.world.calls.filter(({ token }) => token !== undefined).length
    const before = effects()
    expect(await rollback(engine)).toMatchObject({ status: 'failed', failure: { code: 'secret-unavailable' } })
    expect(effects()).toBe(before)
    expect(await visit(two.url)).toEqual({ status: 200, deployment: two.id })
    // With values of one's own it goes on.
    expect((await deploy(engine, 'three', secret('one-of-mine'))).release?.live).toBe(true)
  })

  it('two values under one version are told, and neither takes the other’s place', async () => {
    const [a, b] = [first(), second()]
    await b.resources.define({ ...scene.definition('serve text=mine'), ...secret('one-of-mine') })
    const one = await deploy(a, 'one', secret('correct-horse-battery'))
    const { problems } = await second().reconcile()
    expect(problems).toEqual([
      { resourceId: id, code: 'secret-unavailable', message: expect.stringContaining('TOKEN') },
    ])
    const mine = await (await b.resources.redeploy(id)).done
    expect(mine.status).toBe('succeeded')
    expect(scene.world.app(mine.id, mine.release?.id ?? '')?.input.environment.TOKEN).toBe('one-of-mine')
    const { candidates } = await b.deployments.recovery(mine.id)
    expect(candidates.find((each) => each.deploymentId === one.id)).toMatchObject({
      ready: false,
      reasons: [{ code: 'secret-unavailable' }],
    })
    expect(await rollback(b)).toMatchObject({ status: 'failed', failure: { code: 'secret-unavailable' } })
  })
})

it('a store that was lost is there again', async () => {
  const one = await deploy(first(), 'one')
  const two = await deploy(first(), 'two')
  const engine = second()
  expect(await listed(engine)).toEqual([two.id, one.id])
  const { stateVersion: _mine, ...again } = (await other.getResource(id)) ?? { stateVersion: 0 }
  const { stateVersion: _was, ...before } = (await scene.store.getResource(id)) ?? { stateVersion: 0 }
  expect(again).toEqual(before)
  const three = await deploy(engine, 'three')
  expect((await rollback(engine)).release?.id).toBe(two.release?.id)
  expect(await visit(three.url)).toMatchObject({ status: 200 })
})
