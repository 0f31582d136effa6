import type { Failure, Rollback } from '../../spec/deployment.js'
import { AppaloftError, hasCode } from '../../spec/errors.js'
import type { Status } from '../../spec/phases.js'
import type { RouteTable } from '../../spec/proxy.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { OwnedThing, RunningRef } from '../../spec/target.js'
import type { Attempt } from '../attempt.js'
import { isLost, toAppaloftError } from '../errors.js'
import { failureOf } from '../failure.js'
import { raiseFences } from '../fences.js'
import { requestsEnd } from '../in-flight.js'
import { isStrange, isStray, othersOn } from '../machine.js'
import { endOpenStep } from '../open-ends.js'
import { formerTable, proxyOf, usesProxy } from '../routes.js'
import { untell, untellStray } from '../telling.js'
import { askRoute } from './ask-route.js'
import { drainThings, unlessLost } from './drain.js'
import { previousRef } from './execute.js'
import { runtimeLogs } from './observed.js'

/**
 * Traffic back if it had moved, the candidate removed, the result read back rather than assumed, the former release proven to serve.
 * Idempotent: reconciliation runs it again after a crash at any place.
 */
export async function rollback(attempt: Attempt, failure: Failure): Promise<Rollback> {
  attempt.settled = true
  if (attempt.record.status !== 'rolling-back') {
    const { message, code } = failure
    await endOpenStep(attempt, code)
    const phase = attempt.present.currentPhase ?? 'execute'
    await attempt.commit({
      set: { status: 'rolling-back', failure },
      events: [
        attempt.event({ type: 'phase-failed', phase, level: 'error', message, data: { code } }),
        attempt.event({ type: 'phase-started', phase: 'rollback' }),
      ],
    })
  }
  let outcome: Rollback
  let unseen = false
  try {
    outcome = await undo(attempt)
  } catch (error) {
    if (isLost(error)) throw error
    const { message, details, code } = toAppaloftError(error)
    await endOpenStep(attempt, code)
    unseen = code === 'runtime-backend-unavailable'
    outcome = {
      outcome: 'failed',
      ...(attempt.record.previous === null ? {} : { releaseId: attempt.record.previous.releaseId }),
      failure: failureOf(
        attempt,
        new AppaloftError('rollback-failed', { message, details, ...(unseen ? { recoveryHint: unseenHint } : {}) }),
        'rollback',
      ),
    }
  }
  const failed = outcome.outcome === 'failed'
  // Nobody could see what became of it: what is wanted is the former release, which reconciliation brings back as soon as it can.
  const wanted = unseen && attempt.record.promotion === 'recorded' && attempt.record.drain === 'none'
  await attempt.commit({
    set: {
      rollback: outcome,
      ...(failed ? { currentPhase: 'rollback' } : {}),
      ...(wanted ? { promotion: 'reverted' } : {}),
    },
    ...(wanted ? { live: attempt.record.previous } : {}),
    events: [
      attempt.event({
        type: failed ? 'phase-failed' : 'phase-succeeded',
        phase: 'rollback',
        data: { outcome: outcome.outcome },
      }),
    ],
  })
  return outcome
}

const unseenHint =
  'When the target answers again, reconcile: it leads the traffic to where the records say, and takes away what nobody owns.'

async function undo(attempt: Attempt): Promise<Rollback> {
  const previous = previousRef(attempt)
  const release = previous === null ? null : await attempt.runtime.store.getRelease(previous.releaseId)
  const former = previous === null || release === null ? null : { ref: previous, release }
  const { target, record, fenceOwner, raised } = attempt
  const begun = attempt.present.journal?.step !== 'fence'
  const others = othersOn(attempt.runtime, target, record.resourceId)
  try {
    // It may be the fence that failed: below it, nothing of a former holder is kept out.
    await raiseFences(target, record.resourceId, attempt.token, fenceOwner, { again: raised, others })
  } catch (error) {
    // Somebody of another store was faster: nothing of this attempt is there. One of this store has its lease, which says so at the next commit.
    if (!begun && hasCode(error, 'fenced')) return { outcome: 'nothing-to-restore' }
    if (begun || isLost(error)) throw error
    // It was the first thing to be done, and stays so: what serves is looked at, and nothing is touched.
    return proven(attempt, former)
  }
  await attempt.step('rollback', 'restore-traffic', {}, () => restoreTraffic(attempt, previous))
  await attempt.step('rollback', 'remove-candidate', {}, () => removeCandidate(attempt, former))
  return proven(attempt, former)
}

interface Former {
  ref: RunningRef
  release: ReleaseRecord
}

async function proven(attempt: Attempt, former: Former | null): Promise<Rollback> {
  if (former === null) return { outcome: 'nothing-to-restore' }
  await attempt.step('rollback', 'prove-previous', {}, () => prove(attempt, former.ref, former.release))
  return { outcome: 'restored', releaseId: former.ref.releaseId }
}

async function restoreTraffic(attempt: Attempt, previous: RunningRef | null): Promise<void> {
  const { record, target } = attempt
  let back: Pick<RunningRef, 'deploymentId'> | null = previous
  const moved = record.promotion === 'intended' || record.promotion === 'recorded'
  if (previous !== null) {
    const { state } = await target.inspect(previous)
    if (state === 'exited' || state === 'absent') await target.restart(previous, attempt.token)
  }
  if (target.proxy !== null) {
    const { table } = await target.proxy.observe(record.resourceId)
    const ours = [table?.live, table?.staged, table?.verify].some((one) => one?.deploymentId === attempt.id)
    const former = await formerTable(attempt)
    if (former !== null) {
      // In any case: what was started again may answer elsewhere.
      await target.proxy.apply(record.resourceId, former.table, attempt.token)
      await serves(attempt, previous)
    } else if (ours) {
      const strange = await displacedBy(attempt, table)
      // Nothing to go back to: the routes stay, without an upstream, so that the resource keeps its port.
      const live = (await isStrange(attempt.runtime, target, table)) ? table!.live : null
      const next = strange ?? { ...table!, live, staged: null, verify: null }
      await target.proxy.apply(record.resourceId, next, attempt.token)
      if (strange !== null) await serves(attempt, next.live)
      back ??= next.live
    } else back ??= table?.live ?? null
  }
  if (!moved) return
  const recorded = record.promotion === 'recorded'
  const data = { deploymentId: back?.deploymentId ?? null }
  await attempt.commit({
    set: { promotion: recorded ? 'reverted' : 'none' },
    ...(recorded ? { live: record.previous } : {}),
    events: [attempt.event({ type: 'traffic-restored', phase: 'rollback', step: 'restore-traffic', data })],
  })
}

/**
 * What another store deployed is put back only in the place of this attempt itself: whoever came after it raised the fence above it, and what
 * serves then is not this attempt's. Null: nothing, or it is gone, or goes with this rollback.
 */
async function displacedBy(
  { runtime, target, record, strange }: Attempt,
  table: RouteTable | null,
): Promise<RouteTable | null> {
  if (strange?.live == null || table?.live?.deploymentId !== record.id) return null
  const { deploymentId } = strange.live
  const thing = (await target.list(record.resourceId)).find((one) => one.deploymentId === deploymentId)
  return thing === undefined || (await isStray(runtime, target, thing)) ? null : strange
}

/** Read back from the proxy, not assumed. */
async function serves({ target, record }: Attempt, ref: Pick<RunningRef, 'deploymentId'> | null): Promise<void> {
  const { table } = await proxyOf(target).observe(record.resourceId)
  if (table?.live?.deploymentId === ref?.deploymentId && !table?.staged) return
  throw new AppaloftError('rollback-failed', { message: 'The proxy does not serve the former release.' })
}

async function removeCandidate(attempt: Attempt, former: Former | null): Promise<void> {
  const { record, target, runtime } = attempt
  const { resourceId } = record
  if (record.releaseId !== null) {
    await captureEvidence(attempt)
    await target.restore?.(attempt.ref, former, attempt.token)
    // Where it had been promoted, users have requests open there.
    const seconds = record.plan?.network.drainSeconds ?? 0
    await requestsEnd(runtime, target, attempt.ref, seconds * 1000, () => unlessLost(attempt))
    await target.proxy?.cut?.(resourceId, attempt.id, attempt.token)
    await Promise.all([target.remove(attempt.ref, attempt.token), untell(attempt)])
  }
  // Also what a former attempt left draining when this one took its place.
  const strangers: OwnedThing[] = []
  for (const one of await target.list(resourceId)) {
    if (one.deploymentId === attempt.id)
      throw new AppaloftError('rollback-failed', { message: 'The failed candidate is still there.' })
    if (one.deploymentId === former?.ref.deploymentId) continue
    if (await isStray(runtime, target, one)) strangers.push(one)
  }
  await drainThings(attempt, strangers, record.plan?.network.drainSeconds ?? 0)
  await Promise.all(strangers.map((one) => untellStray(runtime, target, one, attempt.token)))
}

/** What the candidate said and how it was, before it is gone. */
async function captureEvidence(attempt: Attempt): Promise<void> {
  const { state } = await attempt.target.inspect(attempt.ref)
  if (state === 'absent') return
  const lastLogs = (await runtimeLogs(attempt)).slice(-20)
  const code = attempt.record.failure?.code
  const data = { kind: 'candidate', state, lastLogs, ...(code === undefined ? {} : { code }) }
  const event = { type: 'evidence-captured' as const, phase: 'rollback' as const, step: 'remove-candidate' as const }
  await attempt.commit({ events: [attempt.event({ ...event, data })] })
}

const proofMs = 10_000

async function prove(attempt: Attempt, previous: RunningRef, release: ReleaseRecord): Promise<void> {
  const { target, runtime } = attempt
  const { clock } = runtime
  const end = clock.monotonic() + proofMs
  for (;;) {
    const { state } = await target.inspect(previous)
    if (state === 'exited' || state === 'absent')
      throw new AppaloftError('rollback-failed', { message: `The former release is ${state}.` })
    if (state === 'running' && (await answers(attempt, previous, release).catch(notLost))) break
    if (clock.monotonic() > end)
      throw new AppaloftError('rollback-failed', {
        message: state === 'running' ? 'The former release does not answer.' : `The former release is ${state}.`,
      })
    await runtime.pause(50)
  }
  if (usesProxy(release.plan)) await serves(attempt, previous)
}

async function answers(attempt: Attempt, previous: RunningRef, release: ReleaseRecord): Promise<boolean> {
  const { target, runtime } = attempt
  const { exposure, internalPort } = release.plan.network
  if (usesProxy(release.plan)) {
    const { hostnames, pathPrefix, redirectTo } = release.plan.access
    const { identity, status } = await askRoute(attempt, hostnames[0] ?? null, pathPrefix)
    if (redirectTo !== undefined && status >= 300 && status < 400) return true
    // As access judges it. A proxy whose upstream does not answer still tells to whom it asked.
    return status < 500 && (identity === previous.deploymentId || runtime.identity === 'verified')
  }
  if (exposure === 'none') return true
  const { probe } = await target.reach(previous, internalPort ?? 80)
  for (const address of probe) await runtime.prober.dial(address, { timeoutMs: 1000 })
  return probe.length > 0
}

const notLost = (error: unknown): false => {
  if (isLost(error)) throw error
  return false
}

/** What an attempt that did not succeed ends as. */
export const endStatus = ({ code }: Failure): Status =>
  code === 'canceled' || code === 'interrupted' || code === 'superseded' ? code : 'failed'
