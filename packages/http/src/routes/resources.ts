import { AppaloftError } from '@appaloft/core/spec'
import { publicError, statusOf } from '../problems.js'
import {
  noQuerySchema,
  redeployBodySchema,
  removeBodySchema,
  removeQuerySchema,
  resourceQuerySchema,
} from '../schemas.js'
import { accepted, acceptedAnswer, type Call, json, type Route, route } from './route.js'
import { refuseIdempotencyKey } from './verbs.js'

async function resourceOf({ appaloft, paths, id }: Call) {
  const resource = await appaloft.resources.get(id)
  if (resource === null) throw new AppaloftError('resource-not-found')
  paths.learn(resource.definition)
  return resource
}

function told({ settings, request }: Call, error: unknown) {
  const one = publicError(error)
  if (statusOf(one.code) >= 500) settings.onError(error, request)
  return one
}

export const resourceRoute = (): Route =>
  route({
    method: 'get',
    path: '/api/resources/{id}',
    action: 'resources.show',
    summary: 'How a resource is defined, and how it is',
    description:
      'With several targets name one. `statusError` says why it could not be asked: its state is unknown then, and a status that cannot be read at all is null.',
    id: 'resource',
    query: resourceQuerySchema,
    answers: [{ status: 200, description: 'The resource.', content: { 'application/json': 'Resource' } }],
    missing: 'resource-not-found',
    async handle(call) {
      const resource = await resourceOf(call)
      const { target } = call.query
      const status = await call.appaloft.resources
        .status(call.id, { ...(target === undefined ? {} : { target }), signal: call.request.signal })
        .then(({ problem, ...one }) => ({
          status: one,
          statusError: problem === null ? null : told(call, new AppaloftError(problem.code, problem)),
        }))
        .catch((error: unknown) => ({ status: null, statusError: told(call, error) }))
      return json(call, 200, { ...resource, ...status })
    },
  })

export const redeployRoute = (): Route =>
  route({
    method: 'post',
    path: '/api/resources/{id}/redeploy',
    action: 'resources.redeploy',
    summary: 'The present definition, detected and planned afresh',
    id: 'resource',
    query: noQuerySchema,
    body: { schema: redeployBodySchema, name: 'RedeployRequest', required: false },
    answers: [acceptedAnswer],
    problems: [409],
    missing: 'resource-not-found',
    async handle(call) {
      await resourceOf(call)
      refuseIdempotencyKey(call)
      return accepted(call, (await call.appaloft.resources.redeploy(call.id, call.body)).id)
    },
  })

export const removeRoute = (): Route =>
  route({
    method: 'delete',
    path: '/api/resources/{id}',
    action: 'resources.remove',
    summary: 'Take a resource away: routes first, then what runs and what was built',
    description: 'Goes on to its end when the caller goes away. `volumes` may stand in the query or in the body.',
    id: 'resource',
    query: removeQuerySchema,
    body: { schema: removeBodySchema, name: 'RemoveRequest', required: false },
    answers: [{ status: 204, description: 'It is gone.' }],
    problems: [409],
    missing: 'resource-not-found',
    async handle(call) {
      await resourceOf(call)
      const volumes = call.body.volumes ?? call.query.volumes ?? false
      await call.appaloft.resources.remove(call.id, volumes ? { volumes } : {})
      return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
    },
  })
