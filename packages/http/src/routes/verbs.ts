import { invalid } from '../input.js'
import { cancelBodySchema, noQuerySchema, retryBodySchema, rollbackBodySchema } from '../schemas.js'
import { accepted, acceptedAnswer, type Call, deploymentOf, type Route, route } from './route.js'

/** A key that would be dropped promises what does not hold: two requests with it are two attempts. */
export function refuseIdempotencyKey({ request }: Pick<Call, 'request'>): void {
  if (request.headers.has('idempotency-key'))
    throw invalid(['Idempotency-Key: only creating a deployment or a rollout takes one; use stateVersion here'])
}

export const retryRoute = (): Route =>
  route({
    method: 'post',
    path: '/api/deployments/{id}/retry',
    action: 'deployments.retry',
    summary: 'The snapshot of a failed attempt once more',
    id: 'deployment',
    query: noQuerySchema,
    body: { schema: retryBodySchema, name: 'RetryRequest', required: false },
    answers: [acceptedAnswer],
    problems: [409],
    missing: 'deployment-not-found',
    async handle(call) {
      await deploymentOf(call)
      refuseIdempotencyKey(call)
      return accepted(call, (await call.appaloft.deployments.retry(call.id, call.body)).id)
    },
  })

export const rollbackRoute = (): Route =>
  route({
    method: 'post',
    path: '/api/deployments/{id}/rollback',
    action: 'deployments.rollback',
    summary: 'A former release, neither planned nor built again',
    description: 'Concerns the resource and target of the attempt in the path.',
    id: 'deployment',
    query: noQuerySchema,
    body: { schema: rollbackBodySchema, name: 'RollbackRequest', required: false },
    answers: [acceptedAnswer],
    problems: [409],
    missing: 'deployment-not-found',
    async handle(call) {
      await deploymentOf(call)
      refuseIdempotencyKey(call)
      return accepted(call, (await call.appaloft.deployments.rollback(call.id, call.body)).id)
    },
  })

export const cancelRoute = (): Route =>
  route({
    method: 'post',
    path: '/api/deployments/{id}/cancel',
    action: 'deployments.cancel',
    summary: 'Stop a running attempt, up to its promotion, and undo what it did',
    id: 'deployment',
    query: noQuerySchema,
    body: { schema: cancelBodySchema, name: 'CancelRequest', required: false },
    answers: [{ ...acceptedAnswer, description: 'The request is recorded. The attempt tells how it ends.' }],
    problems: [409],
    missing: 'deployment-not-found',
    async handle(call) {
      await deploymentOf(call)
      await call.appaloft.deployments.cancel(call.id)
      return accepted(call, call.id)
    },
  })
