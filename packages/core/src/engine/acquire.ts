import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError, hasCode } from '../spec/errors.js'
import { resourceLeaseKey } from '../spec/lease.js'
import { isTerminal } from '../spec/phases.js'
import { type Attempt, pause } from './attempt.js'
import { holderGone, marks } from './fences.js'

/** Takes the lease of resource and target for an attempt whose plan is ready. Answers with the older attempts that it replaced. */
export async function acquireResource(attempt: Attempt): Promise<DeploymentRecord[]> {
  const { runtime, target, record } = attempt
  const { store } = runtime
  const key = resourceLeaseKey(record.resourceId, target.key)
  const superseded: DeploymentRecord[] = []
  for (;;) {
    attempt.signal.throwIfAborted()
    const lease = await store.readLease(key)
    const present = await marks(target, record.resourceId)
    const minToken = Math.max(present.target, present.proxy) + 1
    const holder = runtime.holder(attempt.id)
    const other = lease?.holder ? await store.getDeployment(lease.holder.deploymentId) : null
    const resource = await store.getResource(record.resourceId)
    const live = resource?.live[target.key]
    const newest = live === undefined ? null : await store.getDeployment(live.deploymentId)
    if (newest !== null && newest.order > record.order) throw supersededBy(newest.id)
    const take = async (
      input: Omit<Parameters<typeof store.acquireLease>[0], 'key' | 'holder' | 'expect' | 'minToken'> = {},
    ) => {
      const taken = await store.acquireLease({ key, holder, expect: lease, minToken, ...input })
      if (taken !== null) attempt.resourceLease = { key, token: taken.token }
      return taken !== null
    }
    if (other === null || isTerminal(other.status) || other.id === attempt.id) {
      if (await take()) return superseded
      continue
    }
    if (other.order > record.order) throw supersededBy(other.id)
    if (holderGone(runtime, lease!)) {
      await runtime.recover(other.id, attempt.id)
      continue
    }
    if (other.drain === 'running') {
      const finishedAt = runtime.now()
      const set = { status: 'succeeded' as const, drain: 'taken-over' as const, finishedAt }
      const events = [
        {
          type: 'deployment-finished' as const,
          at: finishedAt,
          phase: 'verify' as const,
          data: { status: 'succeeded', drainTakenOverBy: attempt.id },
        },
      ]
      if (await take({ with: { deploymentId: other.id, expectVersion: other.version, set, events } })) return superseded
      continue
    }
    const committed =
      other.promotion === 'recorded' ||
      other.promotion === 'intended' ||
      other.status === 'rolling-back' ||
      other.status === 'canceling'
    if (runtime.concurrency === 'reject') {
      throw new AppaloftError('deployment-in-progress', {
        phase: 'plan',
        message: `${other.id} is running.`,
        details: { deploymentId: other.id },
      })
    }
    if (runtime.concurrency === 'supersede' && !committed) {
      const set = { supersededBy: attempt.id }
      try {
        if (await take({ with: { deploymentId: other.id, expectVersion: other.version, set } })) {
          superseded.push(other)
          return superseded
        }
      } catch (error) {
        if (!hasCode(error, 'illegal-transition')) throw error
      }
      continue
    }
    await pause(100, attempt.signal)
  }
}

const supersededBy = (deploymentId: string) =>
  new AppaloftError('superseded', {
    message: `The newer deployment ${deploymentId} took over.`,
    details: { deploymentId },
  })
