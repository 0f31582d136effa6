import type { DeploymentRecord } from '../../spec/deployment.js'
import type { RolloutRef } from '../../spec/rollout-ref.js'
import type { Store } from '../../spec/store.js'
import { attemptsOf } from './records.js'

/** Is an attempt held, once it serves, until all targets do? What had nothing before costs nothing to hold, and could not be gone back to later. */
export function holds({ request, previous }: Pick<DeploymentRecord, 'request' | 'previous'>): boolean {
  const { rollout } = request
  if (rollout === undefined || rollout.undoes !== undefined || rollout.targets.length === 1) return false
  return rollout.promote === 'together' || (rollout.onFailure === 'rollback' && previous === null)
}

const serves = ({ status, promotion }: DeploymentRecord): boolean =>
  status === 'succeeded' || (status === 'verifying' && promotion === 'recorded')

export const everywhere = (rollout: RolloutRef, made: readonly DeploymentRecord[], has = serves): boolean =>
  rollout.targets.every((key) => made.some((one) => one.target === key && has(one)))

/**
 * May an attempt that was promoted, and whose process died, go on to its end? One that was held does so only where every target was
 * promoted, or where the drain has begun somewhere, which is the proof that every one served; otherwise it goes back. The records
 * decide, so that two engines that recover two of them come to the same answer.
 */
export async function mayFinish(store: Store, record: DeploymentRecord): Promise<boolean> {
  const { rollout } = record.request
  if (rollout === undefined || !holds(record) || record.drain !== 'none') return true
  const { made } = await attemptsOf(store, rollout.id, record.resourceId)
  if (everywhere(rollout, made)) return true
  return made.some((one) => holds(one) && (one.status === 'succeeded' || one.drain !== 'none'))
}
