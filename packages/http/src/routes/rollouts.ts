import { AppaloftError, type Rollout } from '@appaloft/core/spec'
import { sees } from '../authorize.js'
import { cancelBodySchema, noQuerySchema, rolloutBodySchema } from '../schemas.js'
import { idempotencyKey, keyHeader, named, requested } from './create.js'
import { type Call, json, learnPaths, type Route, route } from './route.js'

/** The rollout of the path, where the caller may see it. */
async function rolloutOf(call: Call): Promise<Rollout> {
  const rollout = await call.appaloft.deployments.showRollout(call.id)
  if (!sees(call.visible, rollout.resourceId)) throw new AppaloftError('rollout-not-found')
  await learnPaths(call, rollout.resourceId)
  return rollout
}

const answered = (call: Call, id: string, targets: Rollout['targets'] | undefined): Response => {
  const url = `${call.settings.basePath}/api/rollouts/${id}`
  return json(call, 202, { id, url, ...(targets === undefined ? {} : { targets }) }, { location: url })
}

const acceptedRollout = {
  status: 202,
  description: 'The attempts of the first batch are recorded, and run. `Location` says where to look.',
  content: { 'application/json': 'AcceptedRollout' },
}

export const rolloutRoute = (): Route =>
  route({
    method: 'post',
    path: '/api/rollouts',
    action: 'rollouts.create',
    summary: 'Deploy to several targets, in batches, or bring them back',
    description:
      'Answers when the attempts of the first batch are recorded; it goes on without the caller. The same idempotency key for the same resource gives the same rollout. While another rollout of the resource ends, the answer waits.',
    query: noQuerySchema,
    body: { schema: rolloutBodySchema, name: 'RolloutRequest', required: true },
    headers: keyHeader,
    answers: [acceptedRollout],
    problems: [409],
    resourceOf: (body) => named(body),
    missing: 'resource-not-found',
    async handle(call) {
      const key = idempotencyKey(call.request.headers, call.body.idempotencyKey)
      const { targets, batch, promote, onFailure, waitSeconds, ...request } = await requested(call)
      const options = Object.entries({ targets, batch, promote, onFailure, waitSeconds })
      const given = Object.fromEntries(options.filter(([, value]) => value !== undefined))
      const keyed = key === undefined ? request : { ...request, idempotencyKey: key }
      const { id } = await call.appaloft.deployments.rollout(keyed, given)
      return answered(call, id, (await call.appaloft.deployments.showRollout(id)).targets)
    },
  })

export const showRolloutRoute = (): Route =>
  route({
    method: 'get',
    path: '/api/rollouts/{id}',
    action: 'rollouts.show',
    summary: 'What became of every target so far',
    description: 'A `status` of null: it is under way.',
    id: 'rollout',
    query: noQuerySchema,
    answers: [{ status: 200, description: 'The rollout.', content: { 'application/json': 'Rollout' } }],
    missing: 'rollout-not-found',
    handle: async (call) => json(call, 200, await rolloutOf(call)),
  })

export const cancelRolloutRoute = (): Route =>
  route({
    method: 'post',
    path: '/api/rollouts/{id}/cancel',
    action: 'rollouts.cancel',
    summary: 'Stop what runs of a rollout, and begin nothing more',
    description: 'What is promoted already keeps it or goes back, by the options of the rollout.',
    id: 'rollout',
    query: noQuerySchema,
    body: { schema: cancelBodySchema, name: 'CancelRolloutRequest', required: false },
    answers: [{ ...acceptedRollout, description: 'The request is recorded. The rollout tells how it ends.' }],
    problems: [409],
    missing: 'rollout-not-found',
    async handle(call) {
      await rolloutOf(call)
      await call.appaloft.deployments.cancel(call.id)
      return answered(call, call.id, undefined)
    },
  })
