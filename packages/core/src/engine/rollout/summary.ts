import { AppaloftError } from '../../spec/errors.js'
import type { Rollout, RolloutTarget } from '../../spec/rollout.js'
import type { Conductor } from './conductor.js'
import type { Member } from './member.js'

type Backs = ReadonlyMap<string, NonNullable<RolloutTarget['rollback']>>

/** What `done` of a rollout answers. @param backs what was taken back by attempts of its own */
export function summary({ score, members, failure, canceled }: Conductor, backs: Backs): Rollout {
  const whole = backs.size === 0 && members.every((one) => one.end?.status === 'succeeded')
  const stopped = canceled || failure?.code === 'canceled'
  return {
    id: score.ref.id,
    resourceId: score.resourceId,
    status: whole ? 'succeeded' : stopped ? 'canceled' : 'failed',
    targets: members.map((one) => targetOf(one, backs)),
    failure: whole || stopped ? null : failure,
  }
}

function targetOf({ target: { key }, deploymentId, end }: Member, backs: Backs): RolloutTarget {
  if (deploymentId !== null && end === null)
    throw new AppaloftError('store-unavailable', { message: `The end of ${deploymentId} on ${key} is not known.` })
  const own = end?.rollback == null ? null : { outcome: end.rollback.outcome, deploymentId: null }
  return {
    target: key,
    deploymentId,
    status: end?.status ?? 'not-begun',
    code: end?.failure?.code ?? null,
    rollback: backs.get(key) ?? own,
  }
}
