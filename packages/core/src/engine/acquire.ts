import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError, hasCode } from '../spec/errors.js'
import { resourceLeaseKey } from '../spec/lease.js'
import { isTerminal } from '../spec/phases.js'
import type { AcquireLease } from '../spec/store.js'
import type { Attempt } from './attempt.js'
import { holderGone, type Marks, takeLease, watchOwnLease } from './fences.js'

type Change = NonNullable<AcquireLease['with']>

interface Acquired {
  /** The older attempt that it replaced, if any. */
  loser: DeploymentRecord | null
  /** As they were before it. */
  marks: Marks
}

/** Takes the lease of resource and target for an attempt whose plan is ready. */
export async function acquireResource(attempt: Attempt): Promise<Acquired> {
  const { runtime, target, record } = attempt
  const { store } = runtime
  const key = resourceLeaseKey(record.resourceId, target.key)
  let told = false
  for (;;) {
    attempt.signal.throwIfAborted()
    const lease = await store.readLease(key)
    const other = lease?.holder ? await store.getDeployment(lease.holder.deploymentId) : null
    const live = (await store.getResource(record.resourceId))?.live[target.key]
    const newest = live === undefined ? null : await store.getDeployment(live.deploymentId)
    if (newest !== null && newest.order > record.order) throw supersededBy(newest.id)
    const take = async (change?: Change) => {
      const rest = change === undefined ? {} : { with: change }
      const input = { expect: lease, deploymentId: attempt.id, ...rest }
      const taken = await takeLease(runtime, target, record.resourceId, input)
      if (taken === null) return null
      attempt.resourceLease = { key, token: taken.token }
      return taken.marks
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
    if (!told) {
      told = true
      const message = `It waits for ${other.id}, which is ${other.status}.`
      const data = { code: 'deployment-in-progress', deploymentId: other.id }
      await attempt.commit({ events: [attempt.event({ type: 'warning', level: 'info', message, data })] })
    }
    await runtime.pause(100, attempt.signal)
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

const supersededBy = (deploymentId: string) =>
  new AppaloftError('superseded', {
    message: `The newer deployment ${deploymentId} took over.`,
    details: { deploymentId },
  })
