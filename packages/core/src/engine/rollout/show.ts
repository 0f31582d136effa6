import type { DeploymentRecord } from '../../spec/deployment.js'
import { rolloutLeaseKey } from '../../spec/lease.js'
import { isTerminal } from '../../spec/phases.js'
import type { Rollout, RolloutTarget } from '../../spec/rollout.js'
import type { Runtime } from '../runtime.js'
import { rolloutRecords } from './records.js'

/** What the records of its attempts tell of a rollout, also of one that another process conducts. `rollout-not-found`. */
export async function showRollout({ store }: Runtime, id: string): Promise<Rollout> {
  const { resourceId, ref, made, undoing } = await rolloutRecords(store, id)
  const lease = await store.readLease(rolloutLeaseKey(resourceId))
  const underWay = lease?.holder?.deploymentId === id || [...made, ...undoing].some((one) => !isTerminal(one.status))
  const whole = undoing.length === 0 && ref.targets.every((key) => made.some((one) => succeeded(one, key)))
  const failed = underWay || whole ? undefined : firstFailed(made)
  const canceled = failed?.failure?.code === 'canceled'
  const missing = ref.targets.filter((key) => !made.some((one) => succeeded(one, key)))
  return {
    id,
    resourceId,
    status: underWay ? null : whole ? 'succeeded' : canceled ? 'canceled' : 'failed',
    targets: ref.targets.map((key) => targetOf(key, made, undoing)),
    failure: underWay || whole || canceled ? null : failed ? failureOf(failed, missing) : unfinished(missing),
  }
}

const succeeded = ({ status, target }: DeploymentRecord, key: string): boolean =>
  status === 'succeeded' && target === key

/** The others failed because of it. */
function firstFailed(made: readonly DeploymentRecord[]): DeploymentRecord | undefined {
  const at = ({ failure, finishedAt = '' }: DeploymentRecord) => failure?.at ?? finishedAt
  const failed = made.filter((one) => one.status !== 'succeeded').sort((a, b) => (at(a) < at(b) ? -1 : 1))
  return failed.find((one) => one.failure?.code !== 'rollout-failed') ?? failed[0]
}

/** Nobody goes on with what has lost its conductor. */
const again = (missing: readonly string[]): string =>
  missing.length === 0 ? 'Roll out again.' : `Roll out again: ${missing.join(', ')} did not get it.`

/** Every attempt that was begun has succeeded, and others were not begun. */
const unfinished = (missing: readonly string[]): Rollout['failure'] => ({
  ...{ target: missing[0] ?? '', deploymentId: null, code: 'interrupted' },
  message: `It ended before it began on ${missing.join(', ')}: the process that conducted it died, or canceled it in between.`,
  recoveryHint: again(missing),
})

function failureOf(
  { target, id, failure, supersededBy }: DeploymentRecord,
  missing: readonly string[],
): NonNullable<Rollout['failure']> {
  const { code, message, recoveryHint } = failure ?? {
    code: 'superseded' as const,
    message: `The newer deployment ${supersededBy} took over.`,
    recoveryHint: 'Look at the newer deployment.',
  }
  return {
    ...{ target, deploymentId: id, code, message },
    recoveryHint: code === 'interrupted' ? again(missing) : recoveryHint,
  }
}

function targetOf(key: string, made: readonly DeploymentRecord[], undoing: readonly DeploymentRecord[]): RolloutTarget {
  const one = made.find(({ target }) => target === key)
  if (one === undefined) return { target: key, deploymentId: null, status: 'not-begun', code: null, rollback: null }
  // A target may be taken back more than once, where the first time was cut.
  const back = undoing.findLast(({ request }) => request.rollout?.undoes === one.id)
  const own = one.rollback === undefined ? null : { outcome: one.rollback.outcome, deploymentId: null }
  return {
    target: key,
    deploymentId: one.id,
    status: one.status,
    code: one.failure?.code ?? null,
    rollback:
      back === undefined
        ? own
        : { outcome: back.status === 'succeeded' ? 'restored' : 'failed', deploymentId: back.id },
  }
}
