import type { DeploymentRecord, LiveRef } from '../spec/deployment.js'
import { AppaloftError, hasCode } from '../spec/errors.js'
import { type Lease, resourceLeaseKey } from '../spec/lease.js'
import { isTerminal } from '../spec/phases.js'
import type { AcquireLease } from '../spec/store.js'
import { adoptUnderLease, judgeUnderFence } from './adopting.js'
import type { Attempt } from './attempt.js'
import { stillGood } from './early-marks.js'
import type { EarlyMarks } from './early-reads.js'
import { supersededBy } from './errors.js'
import { holderGone, raiseFences, readMarks, takeLease, watchOwnLease } from './fences.js'
import { existingResource } from './lookup.js'
import { askToGiveWay, foreignHolder, isOutdated, isStillLive, othersOn, ownerOf, refuseBeside } from './machine.js'
import type { Marks } from './marks.js'

type Change = NonNullable<AcquireLease['with']>

interface Acquired {
  /** The older attempt that it replaced, if any. */
  loser: DeploymentRecord | null
  /** As they were before it. */
  marks: Marks
}

/**
 * Takes the lease of resource and target for an attempt whose plan is ready, where nobody of another store holds the machine.
 *
 * @param early read before
 */
export async function acquireResource(attempt: Attempt, early: Promise<EarlyMarks | null>): Promise<Acquired> {
  const { runtime, target, record } = attempt
  const { store } = runtime
  const key = resourceLeaseKey(record.resourceId, target.key)
  const waiting = waitingOf(attempt)
  let read: Promise<EarlyMarks | null> | null = early
  for (;;) {
    attempt.signal.throwIfAborted()
    const lease = await store.readLease(key)
    const other = lease?.holder ? await store.getDeployment(lease.holder.deploymentId) : null
    const live = (await store.getResource(record.resourceId))?.live[target.key]
    const newest = live === undefined ? null : await store.getDeployment(live.deploymentId)
    if (newest !== null && !newest.adopted && newest.order > record.order) throw supersededBy(newest.id)
    const take = async (change?: Change) => {
      const first = await read
      read = null
      return await takeFreeMachine(attempt, lease, waiting, { change, early: first })
    }
    const free = lease === null || lease.holder === null || (other === null && holderGone(runtime, lease))
    if (free || other?.id === attempt.id || (other !== null && isTerminal(other.status))) {
      const marks = await take()
      if (marks !== null) return { loser: null, marks }
      continue
    }
    if (other === null) {
      // Not an attempt: a removal, a repair, which are soon over.
      await runtime.pause(100, attempt.signal)
      continue
    }
    if (other.order > record.order) throw supersededBy(other.id)
    await watchOwnLease(runtime, lease)
    if (holderGone(runtime, lease)) {
      if ((await runtime.recover(other.id, attempt.id)) === null) await runtime.pause(100, attempt.signal)
      continue
    }
    if (other.drain === 'running') {
      const marks = await take(drainTakenOver(other, runtime.now(), attempt.id))
      if (marks !== null) return { loser: null, marks }
      continue
    }
    if (runtime.concurrency === 'reject') {
      throw new AppaloftError('deployment-in-progress', {
        phase: 'plan',
        message: `${other.id} is running.`,
        details: { deploymentId: other.id },
      })
    }
    if (runtime.concurrency === 'supersede' && !isCommitted(other)) {
      const set = { supersededBy: attempt.id }
      const marks = await take({ deploymentId: other.id, expectVersion: other.version, set }).catch((error) => {
        if (hasCode(error, 'illegal-transition')) return null
        throw error
      })
      if (marks !== null) return { loser: other, marks }
      continue
    }
    await waiting.told(other.id, other.status)
    await runtime.pause(100, attempt.signal)
  }
}

/** Null: the store's lease went to somebody else, or the machine is held with another store; a moment later it may be free. */
async function takeFreeMachine(
  attempt: Attempt,
  expect: Lease | null,
  waiting: Waiting,
  { change, early = null }: { change?: Change | undefined; early?: EarlyMarks | null } = {},
): Promise<Marks | null> {
  const { runtime, target, record } = attempt
  const { resourceId } = record
  const marks = (await stillGood(runtime, target, resourceId, early)) ?? (await readMarks(target, resourceId))
  const holder = await foreignHolder(runtime, target, resourceId, marks.lease)
  if (holder !== null) {
    if (runtime.concurrency === 'reject') refuseBeside(runtime, target, resourceId, holder)
    if (runtime.concurrency === 'supersede') await askToGiveWay(target, resourceId, holder, attempt.id)
    await waiting.told(ownerOf(holder), 'at work with another store')
    await runtime.pause(250, attempt.signal)
    return null
  }
  const rest = change === undefined ? {} : { with: change }
  const taken = await takeLease(runtime, target, resourceId, marks, { expect, deploymentId: attempt.id, ...rest })
  if (taken === null) return null
  attempt.resourceLease = { key: taken.key, token: taken.token }
  attempt.outdated = await isOutdated(runtime, target, resourceId, marks.lease)
  return marks
}

/**
 * Raises the fences, and with them the machine is this attempt's. An engine with another store may have been faster since they were read:
 * then the same is awaited as before, and a token above the other's is taken.
 */
export async function raiseOwnFences(attempt: Attempt, marks: Marks): Promise<void> {
  const { runtime, target, record, fenceOwner } = attempt
  const waiting = waitingOf(attempt)
  const others = othersOn(runtime, target, record.resourceId)
  for (let known: Marks | null = marks; ; ) {
    const { key, token } = attempt.resourceLease!
    try {
      if (known !== null) {
        await raiseFences(target, record.resourceId, token, fenceOwner, { known, others })
        return attempt.holdMachine(token)
      }
    } catch (error) {
      if (target.lease === undefined || !hasCode(error, 'fenced')) throw error
    }
    attempt.signal.throwIfAborted()
    const lease = await runtime.store.readLease(key)
    if (lease?.token !== token || lease.holder?.deploymentId !== attempt.id) throw new AppaloftError('lease-lost')
    known = await takeFreeMachine(attempt, lease, waiting)
    if (known !== null)
      await attempt.commit({ set: { token: attempt.resourceLease!.token, ...(await found(attempt)) } })
  }
}

/** Under its leases: the release that an attempt takes the place of. Null: nothing is live, or what is was deployed with another store. */
export async function found(attempt: Attempt) {
  if (attempt.outdated) attempt.outdated = !(await adoptUnderLease(attempt))
  return { previous: await liveBefore(attempt) }
}

/**
 * Where others left something open there: it is judged by what is served, and what the attempt takes the place of seen again. Only above the fence:
 * below it, whoever left it may still be at work on it.
 */
export async function settleOpen(attempt: Attempt): Promise<void> {
  if (!attempt.unjudged) return
  attempt.outdated = !(await judgeUnderFence(attempt))
  await attempt.commit({ set: { previous: await liveBefore(attempt) } })
  attempt.unjudged = false
}

async function liveBefore({ runtime, record, target, outdated }: Attempt): Promise<LiveRef | null> {
  const { resourceId } = record
  const { live: all } = await existingResource(runtime.store, resourceId)
  const live = all[target.key] ?? null
  if (live === null || live.deploymentId === record.id) return null
  return outdated && !(await isStillLive(target, { resourceId, ...live })) ? null : live
}

interface Waiting {
  /** Said once. */
  told(deploymentId: string, how: string): Promise<void>
}

function waitingOf(attempt: Attempt): Waiting {
  let told = false
  return {
    async told(deploymentId, how) {
      if (told) return
      told = true
      const message = `It waits for ${deploymentId}, which is ${how}.`
      const data = { code: 'deployment-in-progress', deploymentId }
      await attempt.commit({ events: [attempt.event({ type: 'warning', level: 'info', message, data })] })
    },
  }
}

/** From the intended promotion on, and while it is undone, an attempt is not superseded. */
const isCommitted = ({ promotion, status }: DeploymentRecord): boolean =>
  promotion === 'recorded' || promotion === 'intended' || status === 'rolling-back' || status === 'canceling'

/** Its access has passed: a newer attempt ends it instead of waiting, and drains for both. */
function drainTakenOver(other: DeploymentRecord, finishedAt: string, by: string): Change {
  const at = { at: finishedAt, phase: 'verify' as const }
  const data = { takenOverBy: by }
  return {
    deploymentId: other.id,
    expectVersion: other.version,
    set: {
      status: 'succeeded',
      drain: 'taken-over',
      finishedAt,
      journal: { step: 'drain', state: 'done', data },
    },
    events: [
      { ...at, type: 'step-succeeded', step: 'drain', data },
      { ...at, type: 'phase-succeeded', data: {} },
      {
        ...at,
        type: 'deployment-finished',
        level: 'info',
        message: 'succeeded',
        data: { status: 'succeeded', drainTakenOverBy: by },
      },
    ],
  }
}
