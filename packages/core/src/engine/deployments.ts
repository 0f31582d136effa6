import type { CreateOptions, DeploymentHandle, Deployments } from '../spec/api.js'
import { AppaloftError } from '../spec/errors.js'
import type { ResourceDefinition } from '../spec/profiles.js'
import { type DeployRequest, requestSchema } from '../spec/request.js'
import { adoptLatest } from './adopting.js'
import { begin } from './begin.js'
import { requestCancel } from './cancel.js'
import { define, snapshotOf, withCurrentSecrets } from './definitions.js'
import { detect } from './detecting.js'
import { diagnostics } from './diagnostics.js'
import type { Engine } from './engine.js'
import { parseInput } from './input.js'
import { lazily } from './lazily.js'
import { deploymentLogs } from './logs.js'
import { existingDeployment, existingResource, refuseStale } from './lookup.js'
import { observe } from './observe.js'
import { planDetected } from './planning.js'
import { readModel } from './read-model.js'
import { recovery } from './recovery.js'
import { knownSecrets, shownPreview } from './redaction.js'
import { releaseToRestore, restoring } from './restoring.js'
import { cancelRollout } from './rollout/cancel.js'
import { rollout } from './rollout/rollout.js'
import { showRollout } from './rollout/show.js'
import { targetOf } from './runtime.js'
import { refuse } from './verbs.js'

export function createDeployments(engine: Engine): Deployments {
  const { runtime } = engine
  const { store } = runtime

  const found = (id: string) => existingDeployment(store, id)

  return {
    async plan(input, { signal } = {}) {
      await engine.opened()
      const request = parseInput(requestSchema, input, 'request')
      const target = request.target === null ? null : targetOf(runtime, request.target)
      const definition =
        typeof request.resource === 'string'
          ? (await existingResource(store, request.resource)).definition
          : (await snapshotOf(runtime, request.resource, request.resource.id ?? 'res_preview')).definition
      const planInput = {
        definition,
        target,
        signal: signal ?? new AbortController().signal,
        ...(request.gitRef ? { gitRef: request.gitRef } : {}),
        ...(request.commitSha ? { commitSha: request.commitSha } : {}),
      }
      const { preview } = await planDetected(runtime, planInput, await detect(runtime, planInput))
      const given = typeof request.resource === 'string' ? {} : (request.resource.environment ?? {})
      return shownPreview(await knownSecrets(runtime, definition.id, given), preview)
    },

    create: (input, options) => create(engine, input, options),

    async show(id) {
      await engine.ready()
      return readModel(runtime, await found(id))
    },

    async list(query = {}) {
      await engine.ready()
      const limit = Math.min(Math.max(1, query.limit ?? 50), 1000)
      const before = query.cursor === undefined ? undefined : Number(query.cursor)
      if (before !== undefined && !Number.isSafeInteger(before)) throw new AppaloftError('cursor-invalid')
      const records = await store.listDeployments({
        limit,
        ...(query.resourceId ? { resourceId: query.resourceId } : {}),
        ...(query.statuses ? { statuses: query.statuses } : {}),
        ...(before === undefined ? {} : { before }),
      })
      const last = records.at(-1)
      return {
        items: await Promise.all(records.map((one) => readModel(runtime, one))),
        cursor: records.length === limit && last ? String(last.order) : null,
      }
    },

    events: (id, options) => lazily(engine, () => observe(runtime, id, options)),
    logs: (id, options) => lazily(engine, () => deploymentLogs(engine, id, options)),

    async retry(id, options = {}) {
      await engine.ready()
      const former = await found(id)
      refuse('retry', former)
      refuseStale(await existingResource(store, former.resourceId), options.stateVersion)
      if (former.plan === null) throw new AppaloftError('not-retryable')
      const environment =
        options.secrets === 'current'
          ? await withCurrentSecrets(runtime, former.resourceId, former.plan.environment)
          : former.plan.environment
      return begin(
        engine,
        targetOf(runtime, former.target),
        {
          resourceId: former.resourceId,
          trigger: 'retry',
          definition: former.definition,
          request: options.secrets ? { secrets: options.secrets } : {},
          plan: { ...former.plan, environment },
          planFingerprint: former.planFingerprint,
          sourceIdentity: former.sourceIdentity,
          sourceDeploymentId: former.id,
        },
        options,
      )
    },

    async rollback(id, options = {}) {
      await engine.ready()
      const given = id.startsWith('dep_') ? await found(id) : null
      const target = targetOf(runtime, given?.target ?? options.target)
      await adoptLatest(runtime, target, given?.resourceId ?? id)
      const resource = await existingResource(store, given?.resourceId ?? id)
      refuseStale(resource, options.stateVersion)
      const release = await releaseToRestore(runtime, resource, target, options.to)
      return begin(engine, target, await restoring(runtime, resource, release, options.secrets), options)
    },

    rollout: (input, options) => rollout(engine, input, options),

    async showRollout(id) {
      await engine.ready()
      return showRollout(runtime, id)
    },

    async cancel(id) {
      await engine.ready()
      if (id.startsWith('rol_')) await cancelRollout(engine, id)
      else await requestCancel(engine, id)
    },

    async recovery(id) {
      await engine.ready()
      return recovery(runtime, await found(id))
    },

    async diagnostics(id, options) {
      await engine.ready()
      return diagnostics(runtime, await found(id), options)
    },
  }
}

async function create(
  engine: Engine,
  input: DeployRequest,
  options: CreateOptions | undefined,
): Promise<DeploymentHandle> {
  const { runtime } = engine
  const request = parseInput(requestSchema, input, 'request')
  const target = targetOf(runtime, request.target)
  const id = typeof request.resource === 'string' ? request.resource : request.resource.id
  if (id !== undefined) runtime.early.want(id)
  await engine.ready()
  if (request.stateVersion !== undefined) {
    const present = id === undefined ? null : await runtime.store.getResource(id)
    if (present !== null) refuseStale(present, request.stateVersion)
  }
  const resource =
    typeof request.resource === 'string'
      ? await existingResource(runtime.store, request.resource)
      : await define(runtime, request.resource as ResourceDefinition)
  const { gitRef, commitSha, force, fingerprint, idempotencyKey } = request
  const kept = Object.fromEntries(
    Object.entries({ gitRef, commitSha, force, fingerprint, idempotencyKey }).filter(([, one]) => one !== undefined),
  )
  return begin(
    engine,
    target,
    {
      resourceId: resource.id,
      trigger: force ? 'force-redeploy' : 'create',
      definition: resource.definition,
      request: kept,
    },
    options,
  )
}
