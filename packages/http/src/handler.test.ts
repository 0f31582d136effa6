import { AppaloftError, type Deployment } from '@appaloft/core/spec'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, example, request, Scene } from '../test/scene.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

const post = (path: string, body?: unknown, headers?: Record<string, string>) =>
  ask(scene.handler, 'POST', path, { ...(body === undefined ? {} : { body }), ...(headers ? { headers } : {}) })
const get = (path: string, headers?: Record<string, string>) =>
  ask(scene.handler, 'GET', path, headers ? { headers } : {})

/** Holds the first inspection of an attempt that verifies. */
async function verifying(): Promise<{ id: string; release(): void }> {
  let release = () => {}
  const opened = new Promise<void>((resolve) => {
    release = resolve
  })
  let arrived = () => {}
  const here = new Promise<void>((resolve) => {
    arrived = resolve
  })
  let id = ''
  scene.world.intercept = async (when, { method }) => {
    if (when !== 'before' || method !== 'inspect' || id === '') return
    if ((await scene.engine.deployments.show(id)).status !== 'verifying') return
    arrived()
    await opened
  }
  await scene.engine.resources.define(scene.definition())
  id = (await post('/api/deployments', { resource: 'res_shop' })).json.id
  await here
  return { id, release }
}

describe('GET /api/deployments/{id}', () => {
  // Section 9 of the contract, and `warnings`: what was warned about is part of how an attempt went.
  const fields = [
    ...['id', 'resourceId', 'status', 'currentPhase', 'sourceSummary', 'recoveryHint'],
    ...[
      'trigger',
      'target',
      'release',
      'checks',
      'failure',
      'rollback',
      'accessUrls',
      'createdAt',
      'startedAt',
      'finishedAt',
    ],
    ...['planFingerprint', 'supersededBy', 'recoveredBy', 'sourceDeploymentId', 'rolloutId', 'nextActions', 'warnings'],
  ]

  it('has exactly its fields while the attempt verifies, and is what show() gives', async () => {
    const { id, release } = await verifying()
    const said = await get(`/api/deployments/${id}`)
    expect(said.status).toBe(200)
    expect(Object.keys(said.json).sort()).toEqual(fields.sort())
    expect(said.json).toMatchObject({
      id,
      resourceId: 'res_shop',
      status: 'verifying',
      currentPhase: 'verify',
      sourceSummary: { kind: 'local-folder', baseDirectory: '.' },
      recoveryHint: null,
      failure: null,
      finishedAt: null,
    })
    expect(said.json).toEqual(await scene.engine.deployments.show(id))
    release()
    expect((await scene.ended(id)).status).toBe('succeeded')
    expect(Object.keys((await get(`/api/deployments/${id}`)).json).sort()).toEqual(fields.sort())
  })
})

describe('POST /api/deployments', () => {
  it('answers 202 when the attempt is recorded, with where to look', async () => {
    await scene.engine.resources.define(scene.definition())
    const said = await post('/api/deployments', { resource: 'res_shop' })
    expect(said.status).toBe(202)
    const { id } = said.json
    expect(said.json).toEqual({ id, url: `/api/deployments/${id}`, eventsUrl: `/api/deployments/${id}/events` })
    expect(said.headers.get('location')).toBe(`/api/deployments/${id}`)
    expect((await get(said.json.url)).json.id).toBe(id)
    expect((await scene.ended(id)).status).toBe('succeeded')
  })

  it('knows an idempotency key in the header and in the body', async () => {
    await scene.engine.resources.define(scene.definition())
    const keyed = (key: string) => post('/api/deployments', { resource: 'res_shop' }, { 'idempotency-key': key })
    const first = await keyed('one')
    expect((await keyed('one')).json.id).toBe(first.json.id)
    expect((await keyed('"one"')).json.id).toBe(first.json.id)
    const inBody = await post('/api/deployments', { resource: 'res_shop', idempotencyKey: 'one' })
    expect(inBody.json.id).toBe(first.json.id)
    const other = await keyed('two')
    expect(other.json.id).not.toBe(first.json.id)
    const both = await post(
      '/api/deployments',
      { resource: 'res_shop', idempotencyKey: 'one' },
      { 'idempotency-key': 'two' },
    )
    expect([both.status, both.json.code]).toEqual([400, 'invalid-input'])
    for (const bad of ['', 'x'.repeat(256), 'ä'])
      expect((await keyed(bad)).json.details.issues[0]).toMatch(/^Idempotency-Key: /)
    await scene.ended(other.json.id)
  })

  it('refuses a stale fingerprint or state with 409', async () => {
    const { id } = await scene.deployed()
    const stale = await post('/api/deployments', { resource: 'res_shop', stateVersion: 0 })
    expect([stale.status, stale.json.code]).toEqual([409, 'recovery-state-stale'])
    const planned = await post('/api/deployments', { resource: 'res_shop', fingerprint: 'another' })
    expect(planned.status).toBe(202)
    expect(await scene.ended(planned.json.id)).toMatchObject({ status: 'failed', failure: { code: 'plan-stale' } })
    expect((await scene.engine.resources.get('res_shop'))?.live.fake?.deploymentId).toBe(id)
  })

  it.each([
    [{ resource: 'res_nobody' }, 404, 'resource-not-found'],
    [{ resource: 'res_shop', target: 'moon' }, 404, 'target-not-found'],
    [{ resource: 'res_shop', target: null }, 400, 'invalid-input'],
    [{ resource: 'shop' }, 400, 'invalid-input'],
    [{}, 400, 'invalid-input'],
    [undefined, 400, 'invalid-input'],
    [{ resource: 'res_shop', colour: 'red' }, 400, 'invalid-input'],
  ])('answers %j with %i %s', async (body, status, code) => {
    await scene.engine.resources.define(scene.definition())
    const said = await post('/api/deployments', body)
    expect([said.status, said.json.code]).toEqual([status, code])
    expect(said.headers.get('content-type')).toBe('application/problem+json')
    expect((await get('/api/deployments')).json.items).toEqual([])
  })

  it('names unknown fields with their paths', async () => {
    const handler = scene.handle({ authorize: () => ({ allow: true }), allowSources: ['docker-image'] })
    const body = {
      resource: { source: { kind: 'docker-image', image: 'a' }, runtime: { statrCommand: 'x' } },
      colour: 1,
    }
    const said = await ask(handler, 'POST', '/api/deployments', { body })
    expect(said.json.details.issues.join('\n')).toMatch(/statrCommand/)
    expect(said.json.details.issues.join('\n')).toMatch(/resource\.runtime/)
    expect(said.json.details.issues.join('\n')).toMatch(/colour/)
  })
})

describe('POST /api/deployments/plan', () => {
  it('answers a ready and a blocked plan with 200, and changes nothing', async () => {
    await scene.engine.resources.define(scene.definition())
    const ready = await post('/api/deployments/plan', { resource: 'res_shop' })
    expect(ready.status).toBe(200)
    expect(ready.json).toMatchObject({ schemaVersion: 1, planner: { key: 'any' }, unsupportedReasons: [] })
    await scene.engine.resources.define(scene.definition('serve', { access: { hostnames: ['not a name'] } }))
    const blocked = await post('/api/deployments/plan', { resource: 'res_shop' })
    expect([blocked.status, blocked.json.readiness.status]).toEqual([200, 'blocked'])
    expect(blocked.json.unsupportedReasons[0].code).toBe('hostname-invalid')
    expect((await get('/api/deployments')).json.items).toEqual([])
  })

  it('plans for no target', async () => {
    await scene.engine.resources.define(scene.definition())
    expect((await post('/api/deployments/plan', { resource: 'res_shop', target: null })).status).toBe(200)
  })
})

describe('GET /api/deployments', () => {
  const many = async (names: string[]) => {
    const ids: string[] = []
    for (const id of names) {
      const { source } = scene.definition()
      // Blocked at once: cheap attempts.
      await scene.engine.resources.define({ id, source: { ...source, baseDirectory: 'none' } })
      const attempt = await scene.engine.deployments.create({ resource: id })
      await attempt.done
      ids.unshift(attempt.id)
    }
    return ids
  }
  const paged = async (handler: typeof scene.handler, query: string): Promise<Deployment[]> => {
    const items: Deployment[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { json } = await ask(handler, 'GET', `/api/deployments?${query}${cursor && `&cursor=${cursor}`}`)
      items.push(...json.items)
      cursor = json.cursor
    }
    return items
  }

  it('goes through pages, newest first', async () => {
    const ids = await many(Array.from({ length: 7 }, (_, i) => `res_${i % 2}`))
    expect((await paged(scene.handler, 'limit=3')).map((one) => one.id)).toEqual(ids)
    expect((await paged(scene.handler, 'limit=2&resourceId=res_1')).map((one) => one.resourceId)).toEqual(
      Array(3).fill('res_1'),
    )
    expect((await paged(scene.handler, 'status=failed&status=canceled')).map((one) => one.id)).toEqual(ids)
    expect(await paged(scene.handler, 'status=succeeded')).toEqual([])
  })

  it('shows a scope all of its attempts, and none of others, at any page size', async () => {
    const names = ['a', 'b', 'c', 'a', 'c', 'c', 'b', 'a', 'c', 'c', 'c', 'b'].map((one) => `res_${one}`)
    const ids = await many(names)
    const wanted = ids.filter((_, at) => names.toReversed()[at] !== 'res_c')
    for (const limit of [1, 2, 3, 4, 100]) {
      const handler = scene.handle({ authorize: () => ({ allow: true, scope: { resourceIds: ['res_a', 'res_b'] } }) })
      expect((await paged(handler, `limit=${limit}`)).map((one) => one.id)).toEqual(wanted)
    }
    const one = scene.handle({ authorize: () => ({ allow: true, scope: { resourceIds: ['res_a'] } }) })
    expect(new Set((await paged(one, 'limit=1')).map(({ resourceId }) => resourceId))).toEqual(new Set(['res_a']))
  })

  it.each([
    'limit=0',
    'limit=101',
    'limit=1e1',
    'limit=',
    'limit=-1',
    'page=1',
    'limit=1&limit=2',
    'status=done',
    'resourceId=shop',
  ])('refuses ?%s', async (query) => {
    const said = await get(`/api/deployments?${query}`)
    expect([said.status, said.json.code]).toEqual([400, 'invalid-input'])
    expect(said.json.details.issues[0]).toMatch(/limit|page|status|resourceId/)
  })

  it('refuses a cursor that is none', async () => {
    const said = await get('/api/deployments?cursor=yesterday')
    expect([said.status, said.json.code]).toEqual([400, 'cursor-invalid'])
  })
})

describe('verbs', () => {
  it('retry, rollback, redeploy and cancel go to the engine, with what they take', async () => {
    const first = await scene.deployed('serve text=one')
    const second = await scene.deployed('serve text=two')
    const failed = await scene.deployed('serve status=500')
    const { stateVersion } = (await get(`/api/deployments/${failed.id}/recovery`)).json

    const retried = await post(`/api/deployments/${failed.id}/retry`, { stateVersion, secrets: 'current' })
    expect(retried.status).toBe(202)
    expect(await scene.ended(retried.json.id)).toMatchObject({ trigger: 'retry', sourceDeploymentId: failed.id })

    const back = await post(`/api/deployments/${second.id}/rollback`, { to: first.release?.id })
    expect(back.status).toBe(202)
    expect(await scene.ended(back.json.id)).toMatchObject({
      trigger: 'rollback',
      release: { id: first.release?.id, live: true },
    })
    const further = await post(`/api/deployments/${second.id}/rollback`)
    expect(await scene.ended(further.json.id)).toMatchObject({ release: { id: second.release?.id, live: true } })

    await scene.engine.resources.define(scene.definition('serve text=three'))
    const again = await post('/api/resources/res_shop/redeploy', {})
    expect(await scene.ended(again.json.id)).toMatchObject({ trigger: 'redeploy', status: 'succeeded' })
    const forced = await post('/api/resources/res_shop/redeploy', { force: true })
    expect(await scene.ended(forced.json.id)).toMatchObject({ trigger: 'force-redeploy', status: 'succeeded' })
  })

  it('cancel stops an attempt that runs', async () => {
    await scene.engine.resources.define(scene.definition('serve listen-after=60000'))
    const { id } = (await post('/api/deployments', { resource: 'res_shop' })).json
    const said = await post(`/api/deployments/${id}/cancel`)
    expect([said.status, said.json.id]).toEqual([202, id])
    expect((await scene.ended(id)).status).toBe('canceled')
    const again = await post(`/api/deployments/${id}/cancel`)
    expect([again.status, again.json.code]).toEqual([409, 'already-terminal'])
  })

  it.each([
    ['retry', {}, 409, 'not-retryable'],
    ['retry', { stateVersion: 0 }, 409, 'not-retryable'],
    ['rollback', {}, 409, 'nothing-to-roll-back'],
    ['rollback', { to: 'rel_x' }, 404, 'release-not-found'],
    ['rollback', { stateVersion: 0 }, 409, 'recovery-state-stale'],
    ['cancel', {}, 409, 'already-terminal'],
    ['cancel', { force: true }, 400, 'invalid-input'],
    ['retry', { secrets: 'today' }, 400, 'invalid-input'],
    ['retry', { to: 'x' }, 400, 'invalid-input'],
  ])('%s with %j is refused with %i %s', async (verb, body, status, code) => {
    const { id } = await scene.deployed()
    const said = await post(`/api/deployments/${id}/${verb}`, body)
    expect([said.status, said.json.code]).toEqual([status, code])
  })

  it('an idempotency key that would be dropped is refused', async () => {
    const { id } = await scene.deployed('serve status=500')
    for (const path of [
      `/api/deployments/${id}/retry`,
      `/api/deployments/${id}/rollback`,
      '/api/resources/res_shop/redeploy',
    ]) {
      const said = await post(path, {}, { 'idempotency-key': 'k' })
      expect([said.status, said.json.details.issues[0]]).toEqual([400, expect.stringMatching(/^Idempotency-Key: /)])
    }
  })
})

describe('recovery and diagnostics', () => {
  it('are what the engine gives', async () => {
    const { id } = await scene.deployed('serve status=500')
    const recovery = await get(`/api/deployments/${id}/recovery`)
    expect(recovery.json).toEqual(await scene.engine.deployments.recovery(id))
    const diagnostics = await get(`/api/deployments/${id}/diagnostics`)
    expect(diagnostics.json).toMatchObject({ schemaVersion: 1, deployment: { id }, recovery: { deploymentId: id } })
  })
})

describe('resources', () => {
  it('show what is defined and how it is, secrets by name alone', async () => {
    const { id } = await scene.deployed('serve', { environment: { TOKEN: { value: 'hunter2-hunter2', secret: true } } })
    const said = await get('/api/resources/res_shop')
    expect(said.json).toMatchObject({
      id: 'res_shop',
      definition: { environment: { TOKEN: { secret: true, name: 'TOKEN', version: 1 } } },
      live: { fake: { deploymentId: id } },
      status: { desired: { deploymentId: id }, observed: { state: 'running' }, drift: [] },
      statusError: null,
    })
    expect(said.text).not.toContain('hunter2')
  })

  it('degrade alone: a status that cannot be read is null, what cannot be observed unknown, each with why', async () => {
    await scene.deployed()
    const errors: unknown[] = []
    const handler = scene.handle({ authorize: () => ({ allow: true }), onError: (error) => errors.push(error) })
    scene.world.fail('inspect', new Error('the socket /var/run/engine.sock is gone'))
    const said = await ask(handler, 'GET', '/api/resources/res_shop')
    expect(said.status).toBe(200)
    expect(said.json).toMatchObject({ id: 'res_shop', status: null, statusError: { code: 'internal-error' } })
    expect(said.text).not.toContain('engine.sock')
    expect(errors).toHaveLength(1)
    scene.world.fail('inspect', new AppaloftError('runtime-backend-unavailable', { message: 'The machine is away.' }))
    const away = await ask(handler, 'GET', '/api/resources/res_shop')
    expect(away.json).toMatchObject({
      status: { observed: { state: 'unknown', live: null }, drift: [] },
      statusError: { code: 'runtime-backend-unavailable' },
    })
    expect(away.json.status).not.toHaveProperty('problem')
    expect(errors).toHaveLength(2)
    const moon = await get('/api/resources/res_shop?target=moon')
    expect(moon.json.statusError.code).toBe('target-not-found')
  })

  it('are removed, with volumes if asked for', async () => {
    const volumes = [{ name: 'data', path: '/data' }]
    for (const [query, body, left] of [
      ['', undefined, true],
      ['?volumes=true', undefined, false],
      ['', { volumes: true }, false],
    ] as const) {
      await scene.deployed('serve', { volumes })
      const said = await ask(scene.handler, 'DELETE', `/api/resources/res_shop${query}`, body ? { body } : {})
      expect([said.status, said.text]).toEqual([204, ''])
      expect(await scene.engine.resources.get('res_shop')).toBeNull()
      expect(await scene.target.list('res_shop')).toEqual([])
      expect(scene.world.volumes.has('res_shop')).toBe(left)
    }
    expect((await ask(scene.handler, 'DELETE', '/api/resources/res_shop')).status).toBe(404)
  })
})

describe('addresses and methods', () => {
  it('answers what is nowhere with 404', async () => {
    for (const path of [
      '/',
      '/api',
      '/api/',
      '/api/deployments/',
      '/api/deployments/x/logs',
      '/API/deployments',
      '//api/deployments',
    ])
      expect((await get(path)).json.code).toBe('endpoint-not-found')
  })

  it('answers an id that cannot be one like one that does not exist', async () => {
    const nothing = (await get(`/api/deployments/${example.deployment}`)).text
    for (const id of ['x', 'dep_', '%00', '%E0%A4%A', '..%2f..%2fetc', '__proto__', 'dep_01hzzzzzzzzzzzzzzzzzzzzzzZ'])
      expect((await get(`/api/deployments/${id}`)).text).toBe(nothing)
  })

  it('answers other methods with 405 and what is allowed', async () => {
    const said = await ask(scene.handler, 'PUT', '/api/deployments')
    expect([said.status, said.json.code]).toEqual([405, 'method-not-allowed'])
    expect(said.headers.get('allow')).toBe('POST, GET, HEAD, OPTIONS')
    expect((await ask(scene.handler, 'DELETE', '/api/deployments/plan')).status).toBe(405)
  })

  it('OPTIONS tells the methods, HEAD is GET without a body', async () => {
    const options = await ask(scene.handler, 'OPTIONS', `/api/resources/res_shop`)
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, DELETE, HEAD, OPTIONS'])
    await scene.deployed()
    const head = await ask(scene.handler, 'HEAD', '/api/resources/res_shop')
    expect([head.status, head.text, head.headers.get('content-type')]).toEqual([200, '', 'application/json'])
    expect((await ask(scene.handler, 'HEAD', '/api/deployments/plan')).status).toBe(405)
    expect((await ask(scene.handler, 'HEAD', '/api/resources/res_nobody')).status).toBe(404)
  })

  it('is mounted below a path', async () => {
    const handler = scene.handle({ authorize: () => ({ allow: true }), basePath: '/deploy' })
    await scene.engine.resources.define(scene.definition())
    const said = await ask(handler, 'POST', '/deploy/api/deployments', { body: { resource: 'res_shop' } })
    expect(said.headers.get('location')).toBe(`/deploy/api/deployments/${said.json.id}`)
    expect((await ask(handler, 'GET', said.json.url)).json.id).toBe(said.json.id)
    expect((await ask(handler, 'GET', '/api/deployments')).status).toBe(404)
    expect((await ask(handler, 'GET', '/deploy/api/openapi.json')).json.servers).toEqual([{ url: '/deploy' }])
    await scene.ended(said.json.id)
  })
})

describe('errors of the server', () => {
  const failing = (error: unknown, told: unknown[] = []) => {
    const deployments = { ...scene.engine.deployments, show: () => Promise.reject(error) }
    return scene.handle(
      { authorize: () => ({ allow: true }), onError: (one) => told.push(one) },
      { ...scene.engine, deployments },
    )
  }
  const path = `/api/deployments/${example.deployment}`

  it.each([
    [new Error('ENOENT: /srv/secret/place'), 500, 'internal-error'],
    [new AppaloftError('internal-error', { message: 'at /srv/secret/place' }), 500, 'internal-error'],
    [
      new AppaloftError('store-unavailable', { message: '/srv/secret/place', details: { at: '/srv/secret/place' } }),
      503,
      'store-unavailable',
    ],
    [new AppaloftError('engine-closed'), 503, 'engine-closed'],
    [new AppaloftError('store-corrupt', { message: '/srv/secret/place' }), 500, 'store-corrupt'],
    ['a string', 500, 'internal-error'],
    [undefined, 500, 'internal-error'],
  ])('%s is told without details, and to the host application whole', async (error, status, code) => {
    const told: unknown[] = []
    const said = await ask(failing(error, told), 'GET', path)
    expect([said.status, said.json.code, said.json.details]).toEqual([status, code, {}])
    expect(said.text).not.toContain('secret')
    expect(told).toEqual([error])
  })

  it('an onError that throws does not matter', async () => {
    const handler = scene.handle(
      {
        authorize: () => ({ allow: true }),
        onError() {
          throw new Error('no')
        },
      },
      { ...scene.engine, deployments: { ...scene.engine.deployments, show: () => Promise.reject(new Error('x')) } },
    )
    expect((await ask(handler, 'GET', path)).status).toBe(500)
  })

  it('a client that went away ends its plan, and is nobody’s error', async () => {
    await scene.engine.resources.define(scene.definition())
    const away = new AbortController()
    away.abort()
    const told: unknown[] = []
    const handler = scene.handle({ authorize: () => ({ allow: true }), onError: (error) => told.push(error) })
    const gone = request('POST', '/api/deployments/plan', { body: { resource: 'res_shop' }, signal: away.signal })
    expect(((await (await handler(gone)).json()) as { code: string }).code).toBe('canceled')
    expect(told).toEqual([])
  })
})

it.each([
  [{ allowSources: ['floppy'] }, 'floppy'],
  [{ sourceRoots: ['apps'] }, 'apps'],
  [{ hidePaths: ['./state'] }, './state'],
  [{ basePath: 'deploy' }, 'basePath'],
  [{ basePath: '/deploy/' }, 'basePath'],
  [{ maxBodyBytes: 0 }, 'maxBodyBytes'],
  [{ maxPageItems: 5000 }, 'maxPageItems'],
  [{ authorize: 'all' }, 'authorize'],
])('createHandler refuses %j', (options, word) => {
  expect(() => scene.handle(options as never)).toThrow(
    expect.objectContaining({ code: 'invalid-composition', message: expect.stringContaining(word) }),
  )
})
