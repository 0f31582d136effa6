import { silent } from '../secrets/index.js'
import type { DeploymentRecord, Failure } from '../spec/deployment.js'
import { AppaloftError, hasCode } from '../spec/errors.js'
import { attemptLeaseKey, resourceLeaseKey } from '../spec/lease.js'
import { activeStatuses, isTerminal, type Status } from '../spec/phases.js'
import type { MachineLease } from '../spec/target-lease.js'
import { settleOpen } from './acquire.js'
import { readAll } from './adopt.js'
import { align } from './align.js'
import { Attempt } from './attempt.js'
import { endOvertaken, endSuperseded, finish } from './ending.js'
import { isLost, toAppaloftError } from './errors.js'
import { failureOf } from './failure.js'
import { holderGone, raiseFences, readMarks, takeLease } from './fences.js'
import { acquireLease } from './leases.js'
import { isAtWork, isForeign, othersOn, ownerOf } from './machine.js'
import { openEnds, openStep } from './open-ends.js'
import { promotionOrder } from './phases/drain.js'
import { recordPromotion } from './phases/promote.js'
import { endStatus, rollback } from './phases/rollback.js'
import { isEnded, type Kept } from './records.js'
import { redactorOf } from './redaction.js'
import { releaseOf } from './releases.js'
import { mayFinish } from './rollout/verdict.js'
import { usesProxy } from './routes.js'
import { finishPromoted } from './run.js'
import { type Runtime, targetOf } from './runtime.js'

/** Brings one attempt whose holder is gone to its end. Null: it lives, or someone else was faster. */
export async function recover(runtime: Runtime, deploymentId: string, by: string): Promise<Status | null> {
  const { store } = runtime
  const record = await store.getDeployment(deploymentId)
  if (record === null || isTerminal(record.status)) return null
  const target = targetOf(runtime, record.target)
  const own = await store.readLease(attemptLeaseKey(deploymentId))
  if (own !== null && !holderGone(runtime, own)) return null
  const winner = record.supersededBy === undefined ? null : await store.getDeployment(record.supersededBy)
  // Its end belongs to who took its place, or to who recovers that one.
  if (winner !== null && !isTerminal(winner.status)) return null
  const taken = await acquireLease(runtime, {
    key: attemptLeaseKey(deploymentId),
    holder: runtime.holder(deploymentId),
    expect: own,
    ...(own ? { expectBeats: own.beats } : {}),
  })
  if (taken === null) return null
  const attempt = new Attempt(runtime, record, { key: taken.key, token: taken.token }, target)
  attempt.settled = true
  try {
    const { environment } = record.definition
    attempt.redact = await redactorOf(runtime, record.resourceId, environment, record.plan?.environment).catch(
      () => silent,
    )
    const holds = await takeResource(attempt)
    // Read again: until its leases were taken, it may have gone on.
    const present = await store.getDeployment(deploymentId)
    if (present === null || isTerminal(present.status)) throw new AppaloftError('lease-lost')
    attempt.record = present
    const overtaker = holds === true ? await overtakerOf(attempt) : undefined
    const told = holds !== false && present.currentPhase === 'verify' ? await toldEnd(attempt) : null
    if (told !== null) await (present.status === 'verifying' ? endAsTold : endKept)(attempt, told, by)
    else if (typeof holds === 'object') {
      // What was live before it is what is live again.
      if (holds.undone)
        await attempt.commit({ set: { promotion: 'reverted' }, live: attempt.record.previous, events: [] })
      if (!(await endOvertaken(attempt, by))) throw new AppaloftError('lease-lost')
    } else if (overtaker !== undefined) await endLeftBehind(attempt, overtaker, by)
    else if (present.supersededBy !== undefined) await endLeftBehind(attempt, present.supersededBy, by)
    else if (present.token !== null && !holds) throw new AppaloftError('lease-lost')
    else await end(attempt, by)
    // Whose place it had taken may have stopped what is live.
    await align(runtime, record.resourceId, target.key, { removed: [], routed: [] })
    return attempt.record.status
  } catch (error) {
    // The lease of the resource stays in its name: whoever comes next finds that it is not at its end.
    await store.releaseLease(attempt.attemptLease).catch(() => {})
    if (isLost(error)) return null
    throw error
  } finally {
    await attempt.end()
  }
}

/**
 * The lease of resource and target, where the attempt had it, and with it the ends of those whose place it had taken. Errors: `lease-lost`
 * also where an engine with another store is at work on it.
 */
async function takeResource(attempt: Attempt): Promise<boolean | Overtaken> {
  const { runtime, record, target } = attempt
  const { store } = runtime
  const { id, resourceId } = record
  const key = resourceLeaseKey(resourceId, target.key)
  const present = await store.readLease(key)
  const its = present?.holder?.deploymentId === id
  if (record.token === null && !its) return false
  if (present !== null && !its && !holderGone(runtime, present)) return false
  attempt.fenceOwner = `${id}+${runtime.engineId}`
  const others = othersOn(runtime, target, resourceId)
  for (let expect = present; ; ) {
    const marks = await readMarks(target, resourceId)
    const overtaken = await overtakenBy(attempt, marks.lease, present?.token ?? 0)
    const taken = await takeLease(runtime, target, resourceId, marks, { expect, deploymentId: id })
    if (taken === null) return false
    if (attempt.resourceLease !== undefined) runtime.holdings.drop(attempt.resourceLease)
    attempt.resourceLease = { key, token: taken.token }
    if (overtaken !== null) return overtaken
    try {
      await raiseFences(target, resourceId, taken.token, attempt.fenceOwner, { known: marks, others })
      break
    } catch (error) {
      // An engine with another store was faster: it is looked at again.
      if (target.lease === undefined || !hasCode(error, 'fenced')) throw error
    }
    expect = await store.readLease(key)
    if (expect?.token !== taken.token) return false
  }
  const { resourceLease } = attempt
  attempt.holdMachine(resourceLease.token)
  const active = await store.listDeployments({ resourceId, statuses: activeStatuses })
  for (const one of active) if (one.supersededBy === id) await endSuperseded(runtime, target, resourceLease, one.id, id)
  return true
}

interface Overtaken {
  /** It was promoted, and whoever took it up has taken that back. */
  undone: boolean
}

/**
 * Did an engine with another store raise the fence above the attempt's, or is one at work, before the attempt had raised its own? Null also where
 * one took up this very attempt and died in it. Errors: `lease-lost` where one is at work on it.
 *
 * @param given the highest token that this store had given until then
 */
async function overtakenBy(attempt: Attempt, machine: MachineLease | null, given: number): Promise<Overtaken | null> {
  const { runtime, target, record } = attempt
  const { id, resourceId, promotion } = record
  if (machine === null || machine.owner === attempt.fenceOwner) return null
  const own = record.token ?? 0
  if (ownerOf(machine) === id && machine.token > Math.max(given, own)) {
    if (isAtWork(runtime, target, resourceId, machine)) throw new AppaloftError('lease-lost')
    const { kept, problems } = readAll((await target.records?.list(resourceId)) ?? [], target)
    const told = kept.find((one) => one.deployment.id === id)
    if (told !== undefined) return isEnded(told) ? { undone: false } : null
    return { undone: promotion === 'recorded' && target.records !== undefined && problems.length === 0 }
  }
  if (!(await isForeign(runtime, target, resourceId, machine))) return null
  return machine.held || machine.token >= own ? { undone: false } : null
}

/** With another store, somebody promoted a release after this attempt had taken its token: what serves is that one's, and nothing of it is undone. */
async function overtakerOf({ runtime, target, record }: Attempt): Promise<string | undefined> {
  const { store } = runtime
  const live = (await store.getResource(record.resourceId))?.live[target.key]
  const newer = live === undefined ? null : await store.getDeployment(live.deploymentId)
  return newer?.adopted && (newer.token ?? 0) > (record.token ?? 0) ? newer.id : undefined
}

/** Whoever tells the machine of a good end may be believed with every store: from then on there is no way back. */
async function toldEnd({ target, record, signal }: Attempt): Promise<Kept | null> {
  const { id, resourceId } = record
  if (target.records === undefined) return null
  const { kept } = readAll(await target.records.list(resourceId, { signal }), target)
  return kept.find((one) => one.deployment.id === id && isEnded(one)) ?? null
}

/** An end of the open step is told once. */
const asFailed = (journal: DeploymentRecord['journal']) =>
  journal?.state === 'intended' ? { journal: { ...journal, state: 'failed' as const } } : {}

/** Nothing is left to be done on the machine, where it may be another's by now. */
async function endAsTold(attempt: Attempt, { deployment, release }: Kept, by: string): Promise<void> {
  const { record, runtime } = attempt
  const order = await promotionOrder(attempt)
  if (record.promotion !== 'recorded') await recordPromotion(attempt, release)
  const { journal } = attempt.record
  await attempt.commit({
    set: { recoveredBy: by, drain: 'taken-over', checks: deployment.checks, ...asFailed(journal) },
    releases: [{ ...release, promotedOrder: order }],
    events: openStep({ journal }, runtime.now(), 'interrupted'),
  })
  await finish(attempt, 'succeeded')
}

/** It was about to be undone when an engine with another store came, found it serving, and kept it: so it does here. */
async function endKept(attempt: Attempt, { release }: Kept, by: string): Promise<void> {
  const { record, runtime, target } = attempt
  const { previous, currentPhase } = record
  const failure = record.failure ?? failureOf(attempt, new AppaloftError('fenced'), currentPhase ?? 'verify')
  const message = `An engine with another store took over on ${target.key}, and keeps the release serving.`
  const kept = failureOf(attempt, new AppaloftError('rollback-failed', { message }), 'rollback')
  const order = await promotionOrder(attempt)
  await attempt.commit({
    set: {
      ...{ failure, recoveredBy: by, currentPhase: 'rollback', promotion: 'recorded', drain: 'taken-over' },
      ...asFailed(record.journal),
      rollback: { outcome: 'failed', ...(previous ? { releaseId: previous.releaseId } : {}), failure: kept },
    },
    live: { deploymentId: attempt.id, releaseId: release.id },
    releases: [{ ...release, promotedOrder: order }],
    events: openEnds(record, runtime.now(), 'fenced'),
  })
  await finish(attempt, 'failed', failure)
}

/** Who took its place has ended without a word about it. */
async function endLeftBehind(attempt: Attempt, winner: string, by: string): Promise<void> {
  const { runtime, target, resourceLease, record } = attempt
  if (resourceLease !== undefined) {
    await endSuperseded(runtime, target, resourceLease, attempt.id, winner)
    await runtime.store.releaseLease(resourceLease)
    await runtime.store.releaseLease(attempt.attemptLease)
    attempt.record = (await runtime.store.getDeployment(attempt.id)) ?? attempt.record
    return
  }
  // Its candidate goes with the next sweep of the resource: without the lease nothing may be touched.
  const { currentPhase } = record
  const data = { code: 'superseded', supersededBy: winner }
  attempt.defer({
    set: { recoveredBy: by },
    events: [
      ...openStep(record, runtime.now(), 'superseded'),
      ...(currentPhase === null
        ? []
        : [attempt.event({ type: 'phase-failed', phase: currentPhase, level: 'error', data })]),
    ],
  })
  await finish(attempt, 'superseded')
}

async function end(attempt: Attempt, by: string): Promise<void> {
  const { runtime, target, resourceLease } = attempt
  // It died before it had seen what others left open there.
  const held = resourceLease !== undefined && target.records !== undefined
  attempt.unjudged = held && attempt.record.journal?.step === 'fence'
  await settleOpen(attempt)
  const { record } = attempt
  const release = await releaseOf(runtime, record)
  let promoted = record.promotion === 'recorded'
  if (record.promotion === 'intended') {
    const proxied = release !== null && usesProxy(release.plan) && target.proxy !== null
    promoted = !proxied || (await target.proxy.observe(record.resourceId)).table?.live?.deploymentId === record.id
  }
  const forward =
    promoted && release !== null && record.status === 'verifying' && (await mayFinish(runtime.store, record))
  const { journal } = record
  const goesOn = forward && journal?.step === 'promote'
  const live = (await runtime.store.getResource(record.resourceId))?.live[target.key] ?? null
  await attempt.commit({
    set: {
      recoveredBy: by,
      ...(resourceLease === undefined ? {} : { token: resourceLease.token }),
      // Access is asked once more: until it drains again, nobody takes the drain over.
      ...(forward && record.drain === 'running' ? { drain: 'none' as const } : {}),
      // It died between its lease and its first step: what is live now is what it found.
      ...(resourceLease !== undefined && record.token === null ? { previous: live } : {}),
      ...(journal?.state === 'intended' && !goesOn ? { journal: { ...journal, state: 'failed' as const } } : {}),
    },
    events: goesOn ? [] : openStep(record, runtime.now(), 'interrupted'),
  })
  if (forward) {
    try {
      if (record.promotion !== 'recorded') await recordPromotion(attempt, release)
      await ensureRunning(attempt)
      return await finishPromoted(attempt, release)
    } catch (error) {
      if (isLost(error)) throw error
      await attempt.known()
      // As where it ran: what was there before may be gone, and it is taken up once more.
      if (attempt.record.drain !== 'none') throw error
      return await undo(attempt, failureOf(attempt, toAppaloftError(error), 'verify'))
    }
  }
  const code = record.status === 'canceling' ? 'canceled' : 'interrupted'
  const phase = record.currentPhase ?? 'detect'
  await undo(attempt, record.failure ?? failureOf(attempt, new AppaloftError(code), phase))
}

async function ensureRunning({ target, ref, token }: Attempt): Promise<void> {
  const { state } = await target.inspect(ref)
  if (state === 'exited' || state === 'absent') await target.restart(ref, token)
}

/** By the phase: a cancel hides in which status it found the attempt. */
const beforeExecution = ({ currentPhase }: DeploymentRecord): boolean =>
  currentPhase === null || currentPhase === 'detect' || currentPhase === 'plan'

async function undo(attempt: Attempt, failure: Failure): Promise<void> {
  const { record } = attempt
  // An attempt that never got beyond its plan has done nothing that could be undone, whether or not it had the lease.
  if (attempt.resourceLease === undefined || beforeExecution(record)) attempt.defer(blame(attempt, record, failure))
  else if (record.rollback === undefined) await rollback(attempt, failure)
  await finish(attempt, attempt.record.rollback?.outcome === 'failed' ? 'failed' : endStatus(failure), failure)
}

function blame(attempt: Attempt, { currentPhase }: DeploymentRecord, failure: Failure) {
  const { message, code } = failure
  const event = { type: 'phase-failed' as const, level: 'error' as const, message, data: { code } }
  return { set: { failure }, events: currentPhase === null ? [] : [attempt.event({ ...event, phase: currentPhase })] }
}
