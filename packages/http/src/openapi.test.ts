import { allErrorCodes, type JsonObject } from '@appaloft/core/spec'
import { Validator } from '@seriousme/openapi-schema-validator'
// biome-ignore lint/style/noRestrictedImports: this is where ajv keeps the dialect of OpenAPI 3.1.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, envelopesOf, example, Scene } from '../test/scene.js'
import { openApiDocument } from './openapi.js'
import { statusOf } from './problems.js'

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, { $ref?: string; content?: object }> }>>
  components: {
    schemas: Record<string, JsonObject & { properties: { code: { enum: string[] } } }>
    responses: Record<string, { description: string }>
  }
}
const document = openApiDocument() as unknown as Document

const validate = (one: unknown) => {
  const validator = new Validator()
  // It changes what it is given.
  return validator.validate(structuredClone(one) as Record<string, unknown>).then((result) => ({ validator, result }))
}
const valid = async (one: unknown) => (await validate(one)).result.valid

it('is OpenAPI 3.1 by the schema of the specification', async () => {
  const { validator, result } = await validate(document)
  expect(result).toEqual({ valid: true })
  expect(validator.version).toBe('3.1')
})

it('would be told if it were not', async () => {
  expect(await valid({ ...document, info: {} })).toBe(false)
  const [path] = Object.keys(document.paths) as [string]
  expect(await valid({ ...document, paths: { [path.slice(1)]: document.paths[path] } })).toBe(false)
  expect(await valid({ ...document, components: { schemas: { 'a name': {} } } })).toBe(false)
})

it('has the routes of the contract, and no other', () => {
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(routes.sort()).toEqual(
    [
      'POST /api/deployments/plan',
      'POST /api/deployments',
      'GET /api/deployments',
      'GET /api/deployments/{id}',
      'GET /api/deployments/{id}/events',
      'GET /api/deployments/{id}/recovery',
      'GET /api/deployments/{id}/diagnostics',
      'POST /api/deployments/{id}/retry',
      'POST /api/deployments/{id}/rollback',
      'POST /api/deployments/{id}/cancel',
      'POST /api/resources/{id}/redeploy',
      'GET /api/resources/{id}',
      'DELETE /api/resources/{id}',
      'POST /api/rollouts',
      'GET /api/rollouts/{id}',
      'POST /api/rollouts/{id}/cancel',
      'GET /api/openapi.json',
    ].sort(),
  )
})

it('has every code, as a value and under its status', () => {
  expect(document.components.schemas.Problem?.properties.code.enum).toEqual(allErrorCodes)
  for (const [name, { description }] of Object.entries(document.components.responses)) {
    const status = Number(name.replace('Problem', ''))
    const told = [...description.matchAll(/`([a-z0-9-]+)`/g)].map(([, code]) => code)
    expect(told).toEqual(allErrorCodes.filter((code) => statusOf(code) === status))
  }
  const used = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).flatMap(({ responses }) => Object.values(responses).map((one) => one.$ref ?? '')),
  )
  for (const ref of new Set(used.filter((one) => one !== '')))
    expect(document.components.responses).toHaveProperty(ref.replace('#/components/responses/', ''))
})

it('is given on request, with the limits of the handler', async () => {
  const scene = await Scene.make()
  try {
    const handler = scene.handle({ authorize: () => ({ allow: true }), maxPageItems: 7 })
    const said = await ask(handler, 'GET', '/api/openapi.json')
    expect(said.json).toEqual(JSON.parse(JSON.stringify(openApiDocument({ maxPageItems: 7 }))))
    expect(await valid(said.json)).toBe(true)
  } finally {
    await scene.close()
  }
})

describe('what the server says is what the document says', () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  ajv.addSchema(document, 'document')
  const check = (name: string, value: unknown) => {
    const matches = ajv.compile({ $ref: `document#/components/schemas/${name}` })
    return matches(value) ? [] : matches.errors
  }
  let scene: Scene
  let ids: { succeeded: string; failed: string; rolled: string }
  beforeAll(async () => {
    scene = await Scene.make()
    const environment = { A: { value: 'a' }, TOKEN: { value: 'hunter2-hunter2', secret: true } }
    const succeeded = await scene.deployed('serve print=a,b', {
      environment,
      volumes: [{ name: 'data', path: '/data' }],
    })
    const failed = await scene.deployed('serve status=500')
    const { id, done } = await scene.engine.deployments.rollout({ resource: 'res_shop' })
    await done
    ids = { succeeded: succeeded.id, failed: failed.id, rolled: id }
  })
  afterAll(() => scene.close())

  it.each(Object.keys(document.components.schemas))('the schema %s can be used', (name) => {
    expect(() => ajv.compile({ $ref: `document#/components/schemas/${name}` })).not.toThrow()
  })

  it.each([
    ['Deployment', '/api/deployments/succeeded'],
    ['Deployment', '/api/deployments/failed'],
    ['Page', '/api/deployments?limit=1'],
    ['Recovery', '/api/deployments/failed/recovery'],
    ['Diagnostics', '/api/deployments/failed/diagnostics'],
    ['Diagnostics', '/api/deployments/succeeded/diagnostics'],
    ['Resource', '/api/resources/res_shop'],
    ['Resource', '/api/resources/res_shop?target=moon'],
    ['Rollout', '/api/rollouts/rolled'],
    ['Problem', `/api/deployments/${example.deployment}`],
    ['Problem', '/api/deployments?limit=x'],
  ])('%s, of %s', async (name, path) => {
    const said = await ask(
      scene.handler,
      'GET',
      path.replace(/succeeded|failed|rolled/, (one) => ids[one as keyof typeof ids]),
    )
    expect(said.json).toBeDefined()
    expect(check(name, said.json)).toEqual([])
    // An answer that has a field more would be refused: the schemas are strict.
    expect(check(name, { ...said.json, more: 1 })).not.toEqual([])
  })

  it('Preview, ready and blocked; Accepted', async () => {
    const post = (path: string, body: unknown) => ask(scene.handler, 'POST', path, { body })
    const ready = await post('/api/deployments/plan', { resource: 'res_shop' })
    expect(check('Preview', ready.json)).toEqual([])
    await scene.engine.resources.define(
      scene.definition('serve', { id: 'res_blocked', access: { hostnames: ['no name'] } }),
    )
    const blocked = await post('/api/deployments/plan', { resource: 'res_blocked' })
    expect([blocked.json.readiness.status, check('Preview', blocked.json)]).toEqual(['blocked', []])
    const accepted = await post(`/api/deployments/${ids.failed}/retry`, {})
    expect(check('Accepted', accepted.json)).toEqual([])
    await scene.ended(accepted.json.id)
  })

  it('Envelope, every one', async () => {
    const said = await ask(scene.handler, 'GET', `/api/deployments/${ids.failed}/events`)
    const envelopes = envelopesOf(said.text)
    expect(envelopes.length).toBeGreaterThan(20)
    for (const one of envelopes) expect(check('Envelope', one)).toEqual([])
  })
})
