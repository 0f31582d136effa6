import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, example, request, Scene } from '../test/scene.js'
import type { Action, AuthorizeInput } from './authorize.js'
import { openApiDocument } from './openapi.js'

let scene: Scene
let deployed: string
let rolled: string
beforeAll(async () => {
  scene = await Scene.make()
  const { id, done } = await scene.engine.deployments.rollout({ resource: scene.definition() })
  rolled = id
  deployed = (await done).targets[0]?.deploymentId ?? ''
})
afterAll(() => scene.close())

/** Every route, as [method, path, action, what it is asked about]. */
const operations = Object.entries(openApiDocument().paths as Record<string, Record<string, { operationId: string }>>)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => ({
      method: method.toUpperCase(),
      path,
      action: operationId.replace('-', '.') as Action,
    })),
  )
  .map((one) => ({ ...one, name: `${one.method} ${one.path}` }))

type Named = Record<'deployment' | 'resource' | 'rollout', string>
const filled = (path: string, { resource, rollout, deployment }: Named) =>
  path.replace('{id}', path.includes('/resources/') ? resource : path.includes('/rollouts/') ? rollout : deployment)
const bodyOf = (path: string, resource: string) => (/(?:plan|deployments|rollouts)$/.test(path) ? { resource } : {})
const call = (one: { method: string; path: string }, ids: Named) => ({
  path: filled(one.path, ids),
  options: one.method === 'POST' ? { body: bodyOf(one.path, ids.resource) } : {},
})

it('knows the routes', () => expect(operations).toHaveLength(17))

describe.each(operations)('$name', (one) => {
  const real = () => call(one, { deployment: deployed, resource: 'res_shop', rollout: rolled })

  it('is refused without a hook, as if there were nothing', async () => {
    const { path, options } = real()
    const said = await ask(scene.handle({}), one.method, path, options)
    expect(said.status).toBe(404)
    expect(said.json.code).toBe('endpoint-not-found')
  })

  it('is refused by the hook in the words for what does not exist', async () => {
    const refusing = scene.handle({ authorize: () => ({ allow: false }) })
    const { path, options } = real()
    const refused = await ask(refusing, one.method, path, options)
    expect(refused.status).toBe(404)
    const absent = call(one, example)
    const nothing = await ask(scene.handler, one.method, absent.path, absent.options)
    // Lists and the document always exist: for them a refusal is an address that does not.
    const nowhere = await ask(scene.handler, 'GET', '/api/nothing')
    expect(refused.text).toBe(nothing.status === 404 ? nothing.text : nowhere.text)
    expect([...refused.headers]).toEqual([...(nothing.status === 404 ? nothing : nowhere).headers])
  })

  it('asks the hook once, with what the request names', async () => {
    const asked: AuthorizeInput[] = []
    const { path, options } = real()
    const handler = scene.handle({
      authorize(input) {
        asked.push(input)
        return { allow: false }
      },
    })
    await ask(handler, one.method, path, options)
    expect(asked).toHaveLength(1)
    const [{ request: given, ...rest }] = asked as [AuthorizeInput]
    expect(new URL(given.url).pathname).toBe(path)
    expect(rest).toEqual({
      action: one.action,
      ...(path.includes('res_shop') || /(?:plan|POST.*(?:deployments|rollouts))$/.test(`${one.method} ${path}`)
        ? { resourceId: 'res_shop' }
        : {}),
      ...(path.includes(deployed) ? { deploymentId: deployed } : {}),
      ...(path.includes(rolled) ? { rolloutId: rolled } : {}),
      ...('body' in options ? { body: options.body } : {}),
    })
  })

  it.each([['throws', () => Promise.reject(new Error('the directory is down at /srv/ldap'))]])(
    'answers 503 when the hook %s, and says why to the host application alone',
    async (_, authorize) => {
      const errors: unknown[] = []
      const { path, options } = real()
      const handler = scene.handle({ authorize, onError: (error) => errors.push(error) })
      const said = await ask(handler, one.method, path, options)
      expect(said.status).toBe(503)
      expect(said.json.code).toBe('authorization-unavailable')
      expect(said.text).not.toContain('ldap')
      expect(errors.map(String)).toEqual(['Error: the directory is down at /srv/ldap'])
    },
  )

  it.each([
    undefined,
    null,
    {},
    { allow: 1 },
    { allow: 'true' },
    { allow: true, scope: {} },
    { allow: true, scope: 'res_shop' },
  ])('is refused by a hook that answers %j', async (decision) => {
    const { path, options } = real()
    const said = await ask(scene.handle({ authorize: () => decision as never }), one.method, path, options)
    expect(said.status).toBe(404)
  })
})

describe('a scope', () => {
  const scoped = (resourceIds: string[]) => scene.handle({ authorize: () => ({ allow: true, scope: { resourceIds } }) })

  it.each(operations.filter((one) => one.path.includes('{id}')))('hides from $name what is outside', async (one) => {
    const { path, options } = call(one, { deployment: deployed, resource: 'res_shop', rollout: rolled })
    const hidden = await ask(scoped(['res_other', 'res_third']), one.method, path, options)
    const absent = call(one, example)
    const nothing = await ask(scene.handler, one.method, absent.path, absent.options)
    expect(hidden.status).toBe(404)
    expect(hidden.text).toBe(nothing.text)
    expect((await scene.engine.resources.get('res_shop'))?.live.fake?.deploymentId).toBe(deployed)
  })

  it('lets through what is inside', async () => {
    expect((await ask(scoped(['res_shop']), 'GET', `/api/deployments/${deployed}`)).json.id).toBe(deployed)
    expect((await ask(scoped(['res_shop']), 'GET', '/api/resources/res_shop')).status).toBe(200)
  })

  it('does not create a resource without a name, which would be outside', async () => {
    const body = { resource: { source: { kind: 'local-folder', path: scene.folder } } }
    const handler = scene.handle({
      allowSources: ['local-folder'],
      sourceRoots: [scene.root],
      authorize: () => ({ allow: true, scope: { resourceIds: ['res_shop'] } }),
    })
    for (const path of ['/api/deployments', '/api/deployments/plan']) {
      const said = await ask(handler, 'POST', path, { body })
      expect([said.status, said.json.code]).toEqual([404, 'resource-not-found'])
    }
    expect(await scene.engine.resources.list()).toHaveLength(1)
  })

  it('is empty where it holds nothing', async () => {
    expect((await ask(scoped([]), 'GET', '/api/deployments')).json).toEqual({ items: [], cursor: null })
    expect((await ask(scoped(['res_other']), 'GET', '/api/deployments?resourceId=res_shop')).json.items).toEqual([])
  })
})

describe('form comes before the hook, and the hook before the engine', () => {
  it('does not ask about a request that is wrong', async () => {
    let asked = 0
    const handler = scene.handle({ authorize: () => ({ allow: ++asked > 0 }) })
    const said = await ask(handler, 'POST', '/api/deployments', { body: { resource: 'res_shop', colour: 'red' } })
    expect([said.status, asked]).toEqual([400, 0])
  })

  it('does not touch the engine for who may do nothing', async () => {
    const touched: string[] = []
    const untouchable = (name: string): never =>
      new Proxy({}, { get: (_, key) => () => touched.push(`${name}.${String(key)}`) }) as never
    const engine = { ...scene.engine, deployments: untouchable('deployments'), resources: untouchable('resources') }
    const handler = scene.handle({ authorize: () => ({ allow: false }) }, engine)
    for (const one of operations) {
      const { path, options } = call(one, { deployment: deployed, resource: 'res_shop', rollout: rolled })
      expect((await handler(request(one.method, path, options))).status).toBe(404)
    }
    expect(touched).toEqual([])
  })
})
