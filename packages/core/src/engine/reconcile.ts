import { redactor } from '../secrets/index.js'
import type { ReconcileReport } from '../spec/api.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import { attemptLeaseKey, resourceLeaseKey } from '../spec/lease.js'
import { activeStatuses, isTerminal, type Status } from '../spec/phases.js'
import { Attempt, pause } from './attempt.js'
import { openVariables } from './definitions.js'
import { isLost, toAppaloftError } from './errors.js'
import { failureOf } from './failure.js'
import { holderGone, marks, raiseFences } from './fences.js'
import { recordPromotion } from './phases/promote.js'
import { endStatus, rollback } from './phases/rollback.js'
import { tableOf, upstreamOf, usesProxy } from './routes.js'
import { finish, finishPromoted } from './run.js'
import { type Runtime, targetOf } from './runtime.js'

/** Brings one attempt whose holder is gone to its end. Null: it lives, or someone else was faster. */
export async function recover(runtime: Runtime, deploymentId: string, by: string): Promise<Status | null> {
  const { store } = runtime
  const record = await store.getDeployment(deploymentId)
  if (record === null || isTerminal(record.status)) return null
  const target = targetOf(runtime, record.target)
  const own = await store.readLease(attemptLeaseKey(deploymentId))
  if (own !== null && !holderGone(runtime, own)) return null
  const taken = await store.acquireLease({
    key: attemptLeaseKey(deploymentId),
    holder: runtime.holder(deploymentId),
    expect: own,
    ...(own ? { expectBeats: own.beats } : {}),
  })
  if (taken === null) return null
  const attempt = new Attempt(runtime, record, { key: taken.key, token: taken.token }, target)
  attempt.compensating = true
  try {
    const values = await openVariables(runtime, record.resourceId, record.definition.environment ?? {}).catch(() => [])
    attempt.redact = redactor(values.filter((one) => one.secret).map((one) => one.value))
    if (record.token !== null) await takeResource(attempt)
    await end(attempt, by)
    return attempt.record.status
  } catch (error) {
    if (isLost(error)) return null
    await store.releaseLease(attempt.attemptLease)
    throw error
  } finally {
    await attempt.end()
  }
}

async function takeResource(attempt: Attempt): Promise<void> {
  const { runtime, record, target } = attempt
  const key = resourceLeaseKey(record.resourceId, target.key)
  const lease = await runtime.store.readLease(key)
  if (lease !== null && lease.holder !== null && lease.holder.deploymentId !== record.id)
    throw new AppaloftError('lease-lost')
  const present = await marks(target, record.resourceId)
  const minToken = Math.max(present.target, present.proxy) + 1
  const taken = await runtime.store.acquireLease({ key, holder: runtime.holder(record.id), expect: lease, minToken })
  if (taken === null) throw new AppaloftError('lease-lost')
  attempt.resourceLease = { key, token: taken.token }
  await raiseFences(target, record.resourceId, taken.token, `${record.id}+${runtime.engineId}`)
}

async function end(attempt: Attempt, by: string): Promise<void> {
  const { runtime, target } = attempt
  const token = attempt.resourceLease?.token ?? null
  await attempt.commit({ set: { recoveredBy: by, ...(token === null ? {} : { token }) } })
  const { record } = attempt
  const release = record.releaseId === null ? null : await runtime.store.getRelease(record.releaseId)
  let promoted = record.promotion === 'recorded'
  if (record.promotion === 'intended' && release !== null && usesProxy(release.plan) && target.proxy !== null) {
    promoted = (await target.proxy.observe(record.resourceId)).table?.live?.deploymentId === record.id
  } else if (record.promotion === 'intended') promoted = true
  const forward = promoted && release !== null && record.status === 'verifying'
  if (forward) {
    try {
      if (record.promotion !== 'recorded') await recordPromotion(attempt, release)
      await ensureRunning(attempt)
      return await finishPromoted(attempt, release)
    } catch (error) {
      if (isLost(error)) throw error
      return await undo(attempt, toAppaloftError(error))
    }
  }
  if (record.failure !== undefined) return undoWith(attempt, record.failure)
  await undo(attempt, new AppaloftError(record.status === 'canceling' ? 'canceled' : 'interrupted'))
}

async function ensureRunning(attempt: Attempt): Promise<void> {
  const { target, ref, token } = attempt
  const { state } = await target.inspect(ref)
  if (state === 'exited') await target.restart(ref, token)
}

const undo = (attempt: Attempt, error: AppaloftError) =>
  undoWith(attempt, failureOf(attempt, error, attempt.record.currentPhase ?? 'detect'))

async function undoWith(attempt: Attempt, failure: NonNullable<DeploymentRecord['failure']>): Promise<void> {
  if (attempt.resourceLease !== undefined) await rollback(attempt, failure)
  else await attempt.commit({ set: { failure } })
  await finish(attempt, attempt.record.rollback?.outcome === 'failed' ? 'failed' : endStatus(failure))
}

/** Every attempt without a living holder; then what runs and is routed, against the last recorded promotions. */
export async function reconcile(
  runtime: Runtime,
  options: { signal?: AbortSignal; thorough: boolean },
): Promise<ReconcileReport> {
  const report: ReconcileReport = { ended: [], removed: [], routed: [], problems: [] }
  const problem = (resourceId: string, error: unknown) => {
    const { code, message } = toAppaloftError(error)
    report.problems.push({ resourceId, code, message })
  }
  for (const record of (await runtime.store.listDeployments({ statuses: activeStatuses, limit: 1000 })).reverse()) {
    if (!runtime.targets.has(record.target)) continue
    try {
      for (;;) {
        options.signal?.throwIfAborted()
        const status = await recover(runtime, record.id, runtime.engineId)
        if (status !== null) report.ended.push({ deploymentId: record.id, status })
        const lease = status === null ? await runtime.store.readLease(attemptLeaseKey(record.id)) : null
        const present = status === null ? await runtime.store.getDeployment(record.id) : null
        // A holder of another boot or namespace: only a standing heartbeat proves its death.
        const doubtful =
          lease?.holder &&
          present &&
          !isTerminal(present.status) &&
          lease.holder.engineId !== runtime.engineId &&
          lease.holder.bootId !== runtime.holder('').bootId
        const before = lease?.beats
        if (!doubtful) break
        await pause(1000, options.signal)
        if ((await runtime.store.readLease(attemptLeaseKey(record.id)))?.beats !== before) break
      }
    } catch (error) {
      problem(record.resourceId, error)
    }
  }
  for (const resource of await runtime.store.listResources()) {
    for (const target of runtime.targets.values()) {
      try {
        await align(runtime, resource.id, target.key, report, options.thorough)
      } catch (error) {
        if (!isLost(error)) problem(resource.id, error)
      }
    }
  }
  return report
}

/** Makes routes and running releases equal to the last recorded promotion, unless an attempt is at work. */
async function align(
  runtime: Runtime,
  resourceId: string,
  key: string,
  report: ReconcileReport,
  thorough: boolean,
): Promise<void> {
  const { store } = runtime
  const target = targetOf(runtime, key)
  const live = (await store.getResource(resourceId))?.live[key]
  const lease = await store.readLease(resourceLeaseKey(resourceId, key))
  if (lease?.holder && !holderGone(runtime, lease)) return
  if (live === undefined && !thorough) return
  const release = live === undefined ? null : await store.getRelease(live.releaseId)
  const owned = await target.list(resourceId)
  const strangers = owned.filter((one) => one.deploymentId !== live?.deploymentId)
  const state = live === undefined ? null : (await target.inspect({ resourceId, ...live })).state
  const table =
    release !== null && usesProxy(release.plan) && target.proxy ? (await target.proxy.observe(resourceId)).table : null
  const misrouted =
    release !== null &&
    usesProxy(release.plan) &&
    (table?.live?.deploymentId !== live?.deploymentId || table?.staged !== null)
  const down = live !== undefined && (state === 'exited' || state === 'absent')
  if (strangers.length === 0 && !misrouted && !down) return
  const present = await marks(target, resourceId)
  const owner = live?.deploymentId ?? runtime.engineId
  const taken = await store.acquireLease({
    key: resourceLeaseKey(resourceId, key),
    holder: runtime.holder(owner),
    expect: lease,
    minToken: Math.max(present.target, present.proxy) + 1,
  })
  if (taken === null) return
  try {
    await raiseFences(target, resourceId, taken.token, `${owner}+${runtime.engineId}`)
    if (live !== undefined && release !== null) {
      const ref = { resourceId, ...live }
      if (down) await target.restart(ref, taken.token)
      if (misrouted || down) {
        const upstream = await upstreamOf(target, ref, release.plan.network.internalPort ?? 80, 10)
        await target.proxy?.apply(
          resourceId,
          tableOf(release.plan, runtime.identity, { live: upstream, staged: null, verify: null }),
          taken.token,
        )
        report.routed.push(resourceId)
      }
    }
    for (const one of strangers) {
      const record = await store.getDeployment(one.deploymentId)
      if (record !== null && !isTerminal(record.status)) continue
      await target.remove(one, taken.token)
      report.removed.push({ deploymentId: one.deploymentId, releaseId: one.releaseId })
    }
  } finally {
    await store.releaseLease({ key: taken.key, token: taken.token })
  }
}
