import { AppaloftError, type DeployRequest } from '@appaloft/core/spec'
import { sees } from '../authorize.js'
import { invalid } from '../input.js'
import { createBodySchema, noQuerySchema, planBodySchema } from '../schemas.js'
import { allowedDefinition } from '../sources.js'
import { accepted, acceptedAnswer, type Call, json, learnPaths, type Route, route } from './route.js'

export const named = ({ resource }: Pick<DeployRequest, 'resource'>) =>
  typeof resource === 'string' ? resource : resource.id

/** The request as the engine may have it: a resource that the caller sees, or a definition that is allowed here. */
export async function requested<T extends Pick<DeployRequest, 'resource'>>(call: Call<T>): Promise<T> {
  const { resource } = call.body
  if (!sees(call.visible, named(call.body))) throw new AppaloftError('resource-not-found')
  if (typeof resource === 'string') {
    await learnPaths(call, resource)
    return call.body
  }
  call.paths.learn(resource)
  const definition = allowedDefinition(resource, call.settings)
  call.paths.learn(definition)
  return { ...call.body, resource: definition }
}

/** The header, or the field of the body; both only where they say the same. */
export function idempotencyKey(headers: Headers, inBody: string | undefined): string | undefined {
  const inHeader = headers.get('idempotency-key')?.replace(/^"(.*)"$/, '$1')
  if (inHeader === undefined) return inBody
  if (!/^[\x21-\x7e]{1,255}$/.test(inHeader)) throw invalid(['Idempotency-Key: 1 to 255 visible characters'])
  if (inBody !== undefined && inBody !== inHeader)
    throw invalid(['idempotencyKey: not the one of the header Idempotency-Key'])
  return inHeader
}

export const keyHeader = { 'Idempotency-Key': 'Instead of `idempotencyKey` in the body.' }

export const planRoute = (): Route =>
  route({
    method: 'post',
    path: '/api/deployments/plan',
    action: 'deployments.plan',
    summary: 'Preview: what would be done',
    description: 'Detects and plans, creates and changes nothing. A blocked plan is an answer, not a problem.',
    query: noQuerySchema,
    body: { schema: planBodySchema, name: 'PlanRequest', required: true },
    answers: [
      { status: 200, description: 'The preview, ready or blocked.', content: { 'application/json': 'Preview' } },
    ],
    problems: [409],
    resourceOf: (body) => named(body),
    missing: 'resource-not-found',
    async handle(call) {
      const request = await requested(call)
      return json(call, 200, await call.appaloft.deployments.plan(request, { signal: call.request.signal }))
    },
  })

export const createRoute = (): Route =>
  route({
    method: 'post',
    path: '/api/deployments',
    action: 'deployments.create',
    summary: 'Deploy',
    description:
      'Answers when the attempt is recorded; it goes on without the caller. The same idempotency key for the same resource gives the same attempt.',
    query: noQuerySchema,
    body: { schema: createBodySchema, name: 'CreateRequest', required: true },
    headers: keyHeader,
    answers: [acceptedAnswer],
    problems: [409],
    resourceOf: (body) => named(body),
    missing: 'resource-not-found',
    async handle(call) {
      const key = idempotencyKey(call.request.headers, call.body.idempotencyKey)
      const request = await requested(call)
      const { id } = await call.appaloft.deployments.create({
        ...request,
        ...(key === undefined ? {} : { idempotencyKey: key }),
      })
      return accepted(call, id)
    },
  })
