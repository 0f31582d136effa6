import type { CreateOptions, DeploymentHandle } from '../spec/api.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import type { DeploymentEvent, NewEvent } from '../spec/events.js'
import { attemptLeaseKey } from '../spec/lease.js'
import { isTerminal } from '../spec/phases.js'
import type { CreateDeployment, Store } from '../spec/store.js'
import type { Target } from '../spec/target.js'
import { Attempt } from './attempt.js'
import type { Engine } from './engine.js'
import type { AttemptHooks } from './hooks.js'
import { keyTaken } from './key-taken.js'
import { patiently } from './leases.js'
import { observe } from './observe.js'
import { readModel } from './read-model.js'
import { run } from './run.js'
import type { Runtime } from './runtime.js'

export type Begin = Pick<DeploymentRecord, 'resourceId' | 'trigger' | 'definition' | 'request'> &
  Partial<Pick<DeploymentRecord, 'plan' | 'planFingerprint' | 'sourceIdentity' | 'sourceDeploymentId' | 'releaseId'>>

/** Records an attempt and starts it. Answers when it is recorded. */
export async function begin(
  engine: Engine,
  target: Target,
  input: Begin,
  options: CreateOptions = {},
  hooks: AttemptHooks = {},
): Promise<DeploymentHandle> {
  const { runtime, running } = engine
  const id = runtime.ids.next('dep')
  const now = runtime.now()
  const accepted: NewEvent = {
    type: 'deployment-accepted',
    at: now,
    data: {
      resourceId: input.resourceId,
      trigger: input.trigger,
      target: target.key,
      ...(input.request.rollout === undefined ? {} : { rollout: input.request.rollout.id }),
    },
  }
  // Listening begins before the first event is written.
  const mine = (event: DeploymentEvent) => (event.deploymentId === handleId ? options.onEvent?.(event) : undefined)
  let handleId = id
  if (options.onEvent) runtime.bus.on('event', mine)
  const { created, deployment, lease } = await recorded(runtime, {
    record: {
      id,
      target: target.key,
      status: 'queued',
      currentPhase: null,
      sourceIdentity: null,
      plan: null,
      planFingerprint: null,
      releaseId: null,
      previous: null,
      token: null,
      journal: null,
      promotion: 'none',
      drain: 'none',
      checks: {},
      warnings: [],
      accessUrls: [],
      createdAt: now,
      ...input,
    },
    holder: runtime.holder(id),
    ...(input.request.idempotencyKey === undefined ? {} : { idempotencyKey: input.request.idempotencyKey }),
    events: [accepted],
  })
    .then((answer) => {
      const { id, request } = answer.deployment
      if (request.rollout?.id === input.request.rollout?.id) return answer
      throw request.rollout ? keyTaken(request.rollout.id, 'rollout') : keyTaken(id, 'deployment')
    })
    .catch((error) => {
      runtime.bus.off('event', mine)
      throw error
    })
  handleId = deployment.id
  if (created) runtime.bus.emit([{ ...accepted, deploymentId: deployment.id, sequence: 1 }])
  let ended: Promise<DeploymentRecord>
  if (created && lease !== null) {
    const attempt = new Attempt(runtime, deployment, { key: lease.key, token: lease.token }, target, 1)
    attempt.hooks = hooks
    if (options.signal?.aborted) attempt.cancel()
    const onAbort = () => attempt.cancel()
    options.signal?.addEventListener('abort', onAbort, { once: true })
    ended = run(attempt).finally(() => options.signal?.removeEventListener('abort', onAbort))
    running.add(attempt, ended)
  } else {
    ended = followToEnd(engine, deployment)
  }
  const done = ended
    .finally(() => {
      if (options.onEvent) runtime.bus.off('event', mine)
    })
    .then((record) => readModel(runtime, record))
  const promoted = new Promise<void>((resolve, reject) => {
    const onPromoted = (event: DeploymentEvent) => {
      if (event.deploymentId === handleId) resolve()
    }
    runtime.bus.on('traffic-promoted', onPromoted)
    // A handle of an attempt that is already under way: what happened before it listened is in the record.
    if (deployment.promotion === 'recorded') resolve()
    ended
      .finally(() => runtime.bus.off('traffic-promoted', onPromoted))
      .then((record) => {
        if (record.promotion === 'recorded' || record.promotion === 'reverted') return resolve()
        const { failure, status } = record
        const code = failure?.code ?? (status === 'superseded' ? 'superseded' : 'internal-error')
        reject(new AppaloftError(code, failure ? { message: failure.message, phase: failure.phase } : {}))
      }, reject)
  })
  promoted.catch(() => {})
  done.catch(() => {})
  return { id: handleId, promoted, done, events: (eventsOptions) => observe(runtime, handleId, eventsOptions) }
}

/** Where the store did not answer, it is asked under the same id what it has taken, before it is told again. */
function recorded(runtime: Runtime, input: CreateDeployment): ReturnType<Store['createDeployment']> {
  const { store, holdings } = runtime
  const { id } = input.record
  const key = attemptLeaseKey(id)
  let doubt = false
  const create = async () => {
    const deployment = doubt ? await store.getDeployment(id) : null
    if (deployment === null) {
      doubt = true
      return store.createDeployment(input)
    }
    const lease = await store.readLease(key)
    return { created: true, deployment, lease: lease?.holder?.engineId === runtime.engineId ? lease : null }
  }
  return holdings.asking(key, async () => {
    const result = await patiently(runtime, create)
    if (result.lease !== null) holdings.add(result.lease)
    return result
  })
}

/** An attempt of another process, or of an earlier call with the same idempotency key. */
async function followToEnd({ runtime, running }: Engine, record: DeploymentRecord): Promise<DeploymentRecord> {
  const { id } = record
  for (;;) {
    // Whatever breaks the stream: the record tells whether it is over.
    const stream = observe(runtime, id, { follow: true, heartbeatSeconds: 2 })
    try {
      for await (const _ of stream)
        if (running.get(id) === undefined) await runtime.recover(id, runtime.engineId).catch(() => null)
    } catch {}
    const present = await runtime.store.getDeployment(id).catch(() => undefined)
    if (present === null) return record
    if (present !== undefined && isTerminal(present.status)) return present
    await runtime.pause(500)
  }
}
