import { silent } from '../secrets/index.js'
import type { DeploymentRecord, Failure } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import { attemptLeaseKey, resourceLeaseKey } from '../spec/lease.js'
import { activeStatuses, isTerminal, type Status } from '../spec/phases.js'
import type { MachineLease } from '../spec/target-lease.js'
import { readAll } from './adopt.js'
import { align } from './align.js'
import { Attempt } from './attempt.js'
import { endOvertaken, endSuperseded, finish } from './ending.js'
import { isLost, toAppaloftError } from './errors.js'
import { failureOf } from './failure.js'
import { holderGone, raiseFences, readMarks, takeLease } from './fences.js'
import { acquireLease } from './leases.js'
import { isForeign, ownerOf } from './machine.js'
import { openStep } from './open-ends.js'
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
    const told = typeof holds === 'object' ? await toldEnd(attempt, holds) : null
    if (told !== null && told !== 'undone') await endAsTold(attempt, told, by)
    else if (typeof holds === 'object') {
      // What was live before it is what is live again.
      if (told === 'undone')
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

/** The lease of resource and target, where the attempt had it, and with it the ends of those whose place it had taken. */
async function takeResource(attempt: Attempt): Promise<boolean | Overtaken> {
  const { runtime, record, target } = attempt
  const { store } = runtime
  const lease = await store.readLease(resourceLeaseKey(record.resourceId, target.key))
  const its = lease?.holder?.deploymentId === record.id
  if (record.token === null && !its) return false
  if (lease !== null && !its && !holderGone(runtime, lease)) return false
  const marks = await readMarks(target, record.resourceId)
  const taken = await takeLease(runtime, target, record.resourceId, marks, { expect: lease, deploymentId: record.id })
  if (taken === null) return false
  attempt.resourceLease = { key: taken.key, token: taken.token }
  const overtaken = await overtakenBy(attempt, marks.lease, lease?.token ?? 0)
  if (overtaken !== null) return overtaken
  attempt.fenceOwner = `${record.id}+${runtime.engineId}`
  await raiseFences(target, record.resourceId, taken.token, attempt.fenceOwner, marks)
  attempt.holdMachine(taken.token)
  const others = await store.listDeployments({ resourceId: record.resourceId, statuses: activeStatuses })
  for (const one of others)
    if (one.supersededBy === record.id) await endSuperseded(runtime, target, attempt.resourceLease, one.id, record.id)
  return true
}

interface Overtaken {
  /** Is that engine still at work? */
  held: boolean
  /** It took up this very attempt. */
  takenUp: boolean
}

/**
 * Did an engine with another store raise the fence above the attempt's, or is one at work, before the attempt had raised its own?
 *
 * @param given the highest token that this store had given until then
 */
async function overtakenBy(attempt: Attempt, machine: MachineLease | null, given: number): Promise<Overtaken | null> {
  const { runtime, target, record } = attempt
  if (machine === null) return null
  const takenUp = ownerOf(machine) === record.id && machine.token > Math.max(given, record.token ?? 0)
  if (!takenUp && !(await isForeign(runtime, target, record.resourceId, machine))) return null
  return machine.held || machine.token >= (record.token ?? 0) ? { held: machine.held, takenUp } : null
}

/** With another store, somebody promoted a release after this attempt had taken its token: what serves is that one's, and nothing of it is undone. */
async function overtakerOf({ runtime, target, record }: Attempt): Promise<string | undefined> {
  const { store } = runtime
  const live = (await store.getResource(record.resourceId))?.live[target.key]
  const newer = live === undefined ? null : await store.getDeployment(live.deploymentId)
  return newer?.adopted && (newer.token ?? 0) > (record.token ?? 0) ? newer.id : undefined
}

/** With another store, an engine took it up: the machine tells of a good end, or, where it was undone, no more of it. */
async function toldEnd({ target, record, signal }: Attempt, by: Overtaken): Promise<Kept | 'undone' | null> {
  const { id, resourceId, promotion, status } = record
  if (target.records === undefined || promotion === 'none') return null
  const { kept, problems } = readAll(await target.records.list(resourceId, { signal }), target)
  const own = kept.find((one) => one.deployment.id === id)
  if (own !== undefined) return isEnded(own) && status === 'verifying' ? own : null
  return by.takenUp && !by.held && promotion === 'recorded' && problems.length === 0 ? 'undone' : null
}

/** Nothing is left to be done on the machine, where it may be another's by now. */
async function endAsTold(attempt: Attempt, { deployment, release }: Kept, by: string): Promise<void> {
  const { record, runtime } = attempt
  const order = await promotionOrder(attempt)
  if (record.promotion !== 'recorded') await recordPromotion(attempt, release)
  await attempt.commit({
    set: { recoveredBy: by, drain: 'taken-over', checks: deployment.checks },
    releases: [{ ...release, promotedOrder: order }],
    events: record.journal?.step === 'promote' ? [] : openStep(record, runtime.now(), 'interrupted'),
  })
  await finish(attempt, 'succeeded')
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
