import { FakeWorld, fakeProxy, fakeTarget } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, example, Scene } from '../test/scene.js'
import type { AuthorizeInput } from './authorize.js'
import type { Handler } from './handler.js'

let scene: Scene
let worlds: FakeWorld[]
let engine: ReturnType<Scene['another']>
let handler: Handler
beforeEach(async () => {
  scene = await Scene.make()
  worlds = ['north', 'south'].map(() => new FakeWorld())
  const targets = ['north', 'south'].map((key, i) => {
    const world = worlds[i]!
    return fakeTarget({ key, world, proxy: fakeProxy({ key: `proxy-${key}`, world }) })
  })
  engine = scene.another({ targets })
  handler = scene.handle({ authorize: () => ({ allow: true }) }, engine)
})
afterEach(async () => {
  for (const world of worlds) world.intercept = null
  await scene.close()
  for (const world of worlds) await world.close()
})

const post = (path: string, body: unknown = {}, headers?: Record<string, string>, by = handler) =>
  ask(by, 'POST', path, { body, ...(headers ? { headers } : {}) })
const get = (path: string, by = handler) => ask(by, 'GET', path)

async function ended(url: string) {
  for (;;) {
    const said = await get(url)
    if (said.json.status !== null) return said
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('rollouts', () => {
  beforeEach(() => engine.resources.define(scene.definition()))

  it('are begun, shown while they run and after it, and go back', async () => {
    const begun = await post('/api/rollouts', { resource: 'res_shop', batch: 2, promote: 'together' })
    expect(begun.status).toBe(202)
    const { id, url, targets } = begun.json
    expect(begun.headers.get('location')).toBe(url)
    expect(url).toBe(`/api/rollouts/${id}`)
    expect(targets.map((one: { target: string }) => one.target)).toEqual(['north', 'south'])
    const over = await ended(url)
    expect(over.json).toMatchObject({ id, resourceId: 'res_shop', status: 'succeeded', failure: null })
    expect(over.json).toEqual(await engine.deployments.showRollout(id))
    for (const { deploymentId } of over.json.targets)
      expect((await get(`/api/deployments/${deploymentId}`)).json).toMatchObject({ rolloutId: id })

    await ended((await post('/api/rollouts', { resource: 'res_shop', force: true })).json.url)
    const back = await post('/api/rollouts', { resource: 'res_shop', rollback: { to: id }, targets: ['south'] })
    expect((await ended(back.json.url)).json).toMatchObject({ status: 'succeeded', targets: [{ target: 'south' }] })
  })

  it('are canceled', async () => {
    worlds[0]!.intercept = async (when, { method, signal }) => {
      if (method === 'build' && when === 'before')
        await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }))
    }
    const { json } = await post('/api/rollouts', { resource: 'res_shop' })
    expect((await get(json.url)).json).toMatchObject({ status: null })
    const canceled = await post(`${json.url}/cancel`)
    expect([canceled.status, canceled.json]).toEqual([202, { id: json.id, url: json.url }])
    expect((await ended(json.url)).json).toMatchObject({
      status: 'canceled',
      targets: [{ status: 'canceled' }, { status: 'not-begun' }],
    })
    expect((await post(`${json.url}/cancel`)).json.code).toBe('already-terminal')
  })

  it.each([
    [{ targets: ['moon'] }, 404, 'target-not-found'],
    [{ targets: [] }, 400, 'invalid-input'],
    [{ targets: ['north', 'north'] }, 400, 'invalid-input'],
    [{ batch: 0 }, 400, 'invalid-input'],
    [{ promote: 'all' }, 400, 'invalid-input'],
    [{ target: 'north' }, 400, 'invalid-input'],
    [{ secrets: 'current' }, 400, 'invalid-input'],
    [{ rollback: {} }, 409, 'nothing-to-roll-back'],
    [{ resource: 'res_nobody' }, 404, 'resource-not-found'],
  ])('with %j are refused with %i %s', async (rest, status, code) => {
    const said = await post('/api/rollouts', { resource: 'res_shop', ...rest })
    expect([said.status, said.json.code]).toEqual([status, code])
  })

  it('are the same for the same idempotency key, in the header or in the body', async () => {
    const keyed = (key: string) => post('/api/rollouts', { resource: 'res_shop' }, { 'idempotency-key': key })
    const [first, second] = [await keyed('one'), await keyed('one')]
    expect([first.status, second.status, second.json.id]).toEqual([202, 202, first.json.id])
    const inBody = await post('/api/rollouts', { resource: 'res_shop', idempotencyKey: 'one' })
    expect(inBody.json.id).toBe(first.json.id)
    await ended(first.json.url)
    const bad = await keyed(' ')
    expect([bad.status, bad.json.details.issues[0]]).toEqual([400, expect.stringMatching(/^Idempotency-Key: /)])
    const twice = await post(
      '/api/rollouts',
      { resource: 'res_shop', idempotencyKey: 'one' },
      { 'idempotency-key': 'two' },
    )
    expect(twice.status).toBe(400)
  })

  it('begin only what the previews showed', async () => {
    const shown = async (target: string) =>
      (await post('/api/deployments/plan', { resource: 'res_shop', target })).json.fingerprint
    const fingerprint = { north: await shown('north'), south: await shown('south') }
    const other = { ...fingerprint, south: fingerprint.north }
    const stale = await post('/api/rollouts', { resource: 'res_shop', fingerprint: other })
    expect([stale.status, stale.json]).toMatchObject([409, { code: 'plan-stale', details: { targets: ['south'] } }])
    expect((await get('/api/deployments')).json.items).toEqual([])
    const begun = await post('/api/rollouts', { resource: 'res_shop', fingerprint })
    expect((await ended(begun.json.url)).json).toMatchObject({ status: 'succeeded' })
  })

  it('of a definition need a source that is allowed', async () => {
    const said = await post('/api/rollouts', { resource: scene.definition() })
    expect(said.json.code).toBe('source-not-allowed')
  })

  it('are asked for by their actions, and exist for nobody else', async () => {
    const asked: Omit<AuthorizeInput, 'request' | 'body'>[] = []
    const watched = scene.handle(
      {
        authorize({ request: _request, body: _body, ...rest }) {
          asked.push(rest)
          return { allow: true }
        },
      },
      engine,
    )
    const { id, url } = (await post('/api/rollouts', { resource: 'res_shop' }, {}, watched)).json
    await ended(url)
    await get(url, watched)
    await post(`${url}/cancel`, {}, {}, watched)
    expect(asked).toEqual([
      { action: 'rollouts.create', resourceId: 'res_shop' },
      { action: 'rollouts.show', rolloutId: id },
      { action: 'rollouts.cancel', rolloutId: id },
    ])
    const scoped = scene.handle({ authorize: () => ({ allow: true, scope: { resourceIds: ['res_other'] } }) }, engine)
    const none = `/api/rollouts/${example.rollout}`
    for (const end of ['', '/cancel']) {
      const by = (path: string) => (end === '' ? get(path, scoped) : post(path, {}, {}, scoped))
      const [hidden, missing] = [await by(url + end), await by(none + end)]
      expect([hidden.status, hidden.json.code]).toEqual([404, 'rollout-not-found'])
      expect(hidden.text).toBe(missing.text)
    }
    expect((await post('/api/rollouts', { resource: 'res_shop' }, {}, scoped)).json.code).toBe('resource-not-found')
  })
})
