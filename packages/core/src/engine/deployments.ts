import type { CreateOptions, DeploymentHandle, Deployments, LogEntry, LogsOptions } from '../spec/api.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import { isTerminal } from '../spec/phases.js'
import type { ResourceDefinition } from '../spec/profiles.js'
import { type DeployRequest, requestSchema } from '../spec/request.js'
import type { ResourceRecord } from '../spec/resource.js'
import type { Engine } from './appaloft.js'
import { begin } from './begin.js'
import { define, snapshotOf, withCurrentSecrets } from './definitions.js'
import { parseInput } from './input.js'
import { observe } from './observe.js'
import { detect, planDetected } from './planning.js'
import { readModel } from './read-model.js'
import { byPromotion } from './retention.js'
import { targetOf } from './runtime.js'

export function createDeployments(engine: Engine): Deployments {
  const { runtime } = engine
  const { store } = runtime

  const found = async (id: string): Promise<DeploymentRecord> => {
    const record = await store.getDeployment(id)
    if (record === null)
      throw new AppaloftError('deployment-not-found', {
        message: `There is no deployment ${id}.`,
        details: { deploymentId: id },
      })
    return record
  }
  const fresh = (resource: ResourceRecord, stateVersion: number | undefined) => {
    if (stateVersion === undefined || stateVersion === resource.stateVersion) return
    throw new AppaloftError('recovery-state-stale', {
      details: { expected: stateVersion, present: resource.stateVersion },
    })
  }
  const existing = async (id: string): Promise<ResourceRecord> => {
    const resource = await store.getResource(id)
    if (resource === null)
      throw new AppaloftError('resource-not-found', {
        message: `There is no resource ${id}.`,
        details: { resourceId: id },
      })
    return resource
  }

  return {
    async plan(input, { signal } = {}) {
      await engine.opened()
      const request = parseInput(requestSchema, input, 'request')
      const target = request.target === null ? null : targetOf(runtime, request.target)
      const definition =
        typeof request.resource === 'string'
          ? (await existing(request.resource)).definition
          : (await snapshotOf(runtime, request.resource, request.resource.id ?? 'res_preview')).definition
      const planInput = {
        definition,
        target,
        signal: signal ?? new AbortController().signal,
        ...(request.gitRef ? { gitRef: request.gitRef } : {}),
        ...(request.commitSha ? { commitSha: request.commitSha } : {}),
      }
      return (await planDetected(runtime, planInput, await detect(runtime, planInput))).preview
    },

    create: (input, options) => create(engine, input, options, existing, fresh),

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
      if (!isTerminal(former.status)) throw new AppaloftError('not-terminal', { details: { status: former.status } })
      if (former.plan === null || !['failed', 'canceled', 'interrupted'].includes(former.status))
        throw new AppaloftError('not-retryable', { details: { status: former.status } })
      fresh(await existing(former.resourceId), options.stateVersion)
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
      const resource = await existing(given?.resourceId ?? id)
      fresh(resource, options.stateVersion)
      const target = targetOf(runtime, given?.target ?? options.target)
      const live = resource.live[target.key]
      const kept = byPromotion(
        await store.listReleases({ resourceId: resource.id, target: target.key, states: ['retained'] }),
      )
      const release =
        options.to === undefined
          ? kept.find((one) => one.id !== live?.releaseId)
          : kept.find((one) => one.id === options.to)
      if (release === undefined)
        throw new AppaloftError(
          options.to === undefined ? 'nothing-to-roll-back' : 'release-not-found',
          options.to === undefined
            ? {}
            : {
                message: `The release ${options.to} is not kept; there are: ${kept.map((one) => one.id).join(', ')}.`,
                details: { retained: kept.map((one) => one.id) },
              },
        )
      const environment =
        options.secrets === 'current'
          ? await withCurrentSecrets(runtime, resource.id, release.plan.environment)
          : release.plan.environment
      const built = await store.getDeployment(release.deploymentId)
      const definition = { ...(built?.definition ?? resource.definition), environment }
      return begin(
        engine,
        target,
        {
          resourceId: resource.id,
          trigger: 'rollback',
          definition,
          request: options.secrets ? { secrets: options.secrets } : {},
          plan: { ...release.plan, environment },
          planFingerprint: release.planFingerprint,
          sourceIdentity: release.plan.source,
          sourceDeploymentId: release.deploymentId,
          releaseId: release.id,
        },
        options,
      )
    },

    async cancel(id) {
      await engine.ready()
      for (let tries = 0; tries < 50; tries++) {
        const record = await found(id)
        if (isTerminal(record.status))
          throw new AppaloftError('already-terminal', { details: { status: record.status } })
        if (record.status === 'rolling-back') throw new AppaloftError('rollback-in-progress')
        if (record.promotion !== 'none') throw new AppaloftError('already-promoted')
        if (record.status === 'canceling') break
        try {
          await store.commit({
            deploymentId: id,
            guards: [],
            expectVersion: record.version,
            set: { status: 'canceling', cancelRequestedAt: runtime.now() },
          })
          break
        } catch (error) {
          if (!AppaloftError.isInstance(error) || (error.code !== 'conflict' && error.code !== 'illegal-transition'))
            throw error
        }
      }
      engine.running.get(id)?.cancel()
    },
  }
}

async function create(
  engine: Engine,
  input: DeployRequest,
  options: CreateOptions | undefined,
  existing: (id: string) => Promise<ResourceRecord>,
  fresh: (resource: ResourceRecord, stateVersion: number | undefined) => void,
): Promise<DeploymentHandle> {
  const { runtime } = engine
  const request = parseInput(requestSchema, input, 'request')
  const target = targetOf(runtime, request.target)
  await engine.ready()
  if (request.stateVersion !== undefined) {
    const id = typeof request.resource === 'string' ? request.resource : request.resource.id
    const present = id === undefined ? null : await runtime.store.getResource(id)
    if (present !== null) fresh(present, request.stateVersion)
  }
  const resource =
    typeof request.resource === 'string'
      ? await existing(request.resource)
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

/** An iterator whose engine is made ready at its first `next`. */
export function lazily<T>(
  engine: Engine,
  make: () => AsyncIterableIterator<T> | AsyncGenerator<T>,
): AsyncIterableIterator<T> {
  let inner: AsyncIterator<T> | undefined
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (inner === undefined) {
        await engine.ready()
        inner = make()
      }
      return inner.next()
    },
    async return() {
      await inner?.return?.()
      return { done: true, value: undefined }
    },
  }
}

/** Build logs out of the events, then the release's own output. */
export async function* deploymentLogs(engine: Engine, id: string, options: LogsOptions = {}): AsyncGenerator<LogEntry> {
  const { runtime } = engine
  const buffered: LogEntry[] = []
  const tail = options.tail
  for await (const envelope of observe(runtime, id, {
    heartbeatSeconds: 0,
    ...(options.follow ? { follow: true } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  })) {
    if (envelope.kind !== 'event' || envelope.event.type !== 'log') continue
    const { message = '', at, data } = envelope.event
    const entry: LogEntry = {
      source: data.source === 'runtime' ? 'runtime' : 'build',
      stream: data.stream === 'stderr' ? 'stderr' : 'stdout',
      text: message,
      at,
      deploymentId: id,
    }
    if (tail === undefined || options.follow) yield entry
    else {
      buffered.push(entry)
      if (buffered.length > tail) buffered.shift()
    }
  }
  const record = await runtime.store.getDeployment(id)
  if (record !== null && record.releaseId !== null) {
    const target = targetOf(runtime, record.target)
    const ref = { resourceId: record.resourceId, deploymentId: id, releaseId: record.releaseId }
    const { redactor } = await import('../secrets/index.js')
    const { openVariables } = await import('./definitions.js')
    const values = await openVariables(runtime, record.resourceId, record.plan?.environment ?? {}).catch(() => [])
    const redact = redactor(values.filter((one) => one.secret).map((one) => one.value))
    const logOptions = {
      ...(tail === undefined ? {} : { tail }),
      ...(options.follow ? { follow: true } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    }
    for await (const line of target.logs(ref, logOptions)) {
      const entry: LogEntry = {
        source: 'runtime',
        stream: line.stream,
        text: redact.text(line.text),
        deploymentId: id,
        ...(line.at === undefined ? {} : { at: line.at }),
      }
      if (tail === undefined || options.follow) yield entry
      else {
        buffered.push(entry)
        if (buffered.length > tail) buffered.shift()
      }
    }
  }
  yield* buffered
}
