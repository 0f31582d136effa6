import type { Failure, Rollback } from '../../spec/deployment.js'
import { AppaloftError } from '../../spec/errors.js'
import type { Status } from '../../spec/phases.js'
import type { Attempt } from '../attempt.js'
import { isLost, toAppaloftError } from '../errors.js'
import { failureOf } from '../failure.js'
import { formerTable, proxyOf, usesProxy } from '../routes.js'
import { previousRef } from './execute.js'
import { runtimeLogs } from './observed.js'
import { askRoute } from './routing.js'

/**
 * Traffic back if it had moved, the candidate removed, the result read back rather than assumed, the former release proven to serve.
 * Idempotent: reconciliation runs it again after a crash at any place.
 */
export async function rollback(attempt: Attempt, failure: Failure | undefined): Promise<Rollback> {
  attempt.compensating = true
  const phase = attempt.record.currentPhase ?? 'execute'
  await attempt.commit({
    set: {
      ...(attempt.record.status === 'rolling-back' ? {} : { status: 'rolling-back' }),
      ...(failure === undefined ? {} : { failure }),
    },
    events: [
      attempt.event({
        type: 'phase-failed',
        phase,
        level: 'error',
        ...(failure === undefined ? {} : { message: failure.message, data: { code: failure.code } }),
      }),
      attempt.event({ type: 'phase-started', phase: 'rollback' }),
    ],
  })
  let outcome: Rollback
  try {
    outcome = await undo(attempt)
  } catch (error) {
    if (isLost(error)) throw error
    const failed = toAppaloftError(error)
    outcome = {
      outcome: 'failed',
      ...(attempt.record.previous === null ? {} : { releaseId: attempt.record.previous.releaseId }),
      failure: failureOf(
        attempt,
        new AppaloftError('rollback-failed', { message: failed.message, details: failed.details }),
        'rollback',
      ),
    }
  }
  await attempt.commit({
    set: { rollback: outcome, ...(outcome.outcome === 'failed' ? { currentPhase: 'rollback' } : {}) },
    events: [
      attempt.event({
        type: outcome.outcome === 'failed' ? 'phase-failed' : 'phase-succeeded',
        phase: 'rollback',
        data: { outcome: outcome.outcome },
      }),
    ],
  })
  return outcome
}

async function undo(attempt: Attempt): Promise<Rollback> {
  const { record, target, runtime } = attempt
  const previous = previousRef(attempt)
  const release = previous === null ? null : await runtime.store.getRelease(previous.releaseId)
  const moved = record.promotion === 'intended' || record.promotion === 'recorded'

  await attempt.step('rollback', 'restore-traffic', {}, async () => {
    if (previous !== null) {
      const state = await target.inspect(previous)
      if (state.state === 'exited' || state.state === 'absent') await target.restart(previous, attempt.token)
    }
    if (target.proxy !== null) {
      const seen = await target.proxy.observe(record.resourceId)
      const ours =
        seen.table?.live?.deploymentId === attempt.id ||
        seen.table?.staged?.deploymentId === attempt.id ||
        seen.table?.verify?.deploymentId === attempt.id
      const former = await formerTable(attempt)
      if (former !== null) {
        if (ours || seen.table === null || moved)
          await target.proxy.apply(record.resourceId, former.table, attempt.token)
        const back = await target.proxy.observe(record.resourceId)
        if (back.table?.live?.deploymentId !== previous?.deploymentId || back.table?.staged)
          throw new AppaloftError('rollback-failed', { message: 'The proxy does not serve the former release.' })
      } else if (ours) {
        // Nothing to go back to: the routes stay, without an upstream, so that the resource keeps its port.
        await target.proxy.apply(
          record.resourceId,
          { ...seen.table!, live: null, staged: null, verify: null },
          attempt.token,
        )
      }
    }
    if (record.promotion === 'recorded') {
      await attempt.commit({ set: { promotion: 'reverted' }, live: record.previous })
    } else if (record.promotion === 'intended') {
      await attempt.commit({ set: { promotion: 'none' } })
    }
    if (moved)
      await attempt.commit({
        events: [
          attempt.event({
            type: 'traffic-restored',
            phase: 'rollback',
            step: 'restore-traffic',
            data: { deploymentId: previous?.deploymentId ?? null },
          }),
        ],
      })
  })

  await attempt.step('rollback', 'remove-candidate', {}, async () => {
    if (record.releaseId === null) return
    const state = await target.inspect(attempt.ref)
    if (state.state !== 'absent') {
      const logs = await runtimeLogs(attempt)
      await attempt.commit({
        events: [
          attempt.event({
            type: 'evidence-captured',
            phase: 'rollback',
            step: 'remove-candidate',
            data: {
              kind: 'candidate',
              state: state.state,
              lastLogs: logs.slice(-20),
              ...(attempt.record.failure === undefined ? {} : { code: attempt.record.failure.code }),
            },
          }),
        ],
      })
    }
    await target.restore?.(
      attempt.ref,
      previous !== null && release !== null ? { ref: previous, release } : null,
      attempt.token,
    )
    await target.proxy?.cut?.(record.resourceId, attempt.id, attempt.token)
    await target.remove(attempt.ref, attempt.token)
    const left = (await target.list(record.resourceId)).some((one) => one.deploymentId === attempt.id)
    if (left) throw new AppaloftError('rollback-failed', { message: 'The failed candidate is still there.' })
  })

  if (previous === null || release === null) return { outcome: 'nothing-to-restore' }
  await attempt.step('rollback', 'prove-previous', {}, async () => {
    const state = await target.inspect(previous)
    if (state.state !== 'running' && state.state !== 'starting')
      throw new AppaloftError('rollback-failed', { message: `The former release is ${state.state}.` })
    if (!usesProxy(release.plan)) return
    const { hostnames, pathPrefix, redirectTo } = release.plan.access
    const end = performance.now() + 10_000
    for (;;) {
      const answer = await askRoute(attempt, hostnames[0] ?? null, pathPrefix).catch(() => null)
      if (
        answer !== null &&
        (answer.identity === previous.deploymentId ||
          redirectTo !== undefined ||
          (runtime.identity === 'verified' && answer.status < 500))
      )
        return
      if (performance.now() > end)
        throw new AppaloftError('rollback-failed', { message: 'The former release does not answer on its route.' })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })
  const applied = target.proxy === null ? null : await proxyOf(target).observe(record.resourceId)
  if (applied?.table && usesProxy(release.plan) && applied.table.live?.deploymentId !== previous.deploymentId)
    throw new AppaloftError('rollback-failed')
  return { outcome: 'restored', releaseId: previous.releaseId }
}

/** What an attempt that did not succeed ends as. */
export const endStatus = (failure: Failure): Status =>
  failure.code === 'canceled'
    ? 'canceled'
    : failure.code === 'interrupted'
      ? 'interrupted'
      : failure.code === 'superseded'
        ? 'superseded'
        : 'failed'
