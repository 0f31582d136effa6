import type { DeploymentRecord } from '../../spec/deployment.js'
import { AppaloftError } from '../../spec/errors.js'
import type { RolloutRef } from '../../spec/rollout-ref.js'
import type { Store } from '../../spec/store.js'

/** The attempts of a rollout, oldest first: those that it began, and those that take targets back. */
export interface RolloutAttempts {
  made: DeploymentRecord[]
  undoing: DeploymentRecord[]
}

/** So many attempts are looked through for those of a rollout. */
const pages = 10
const pageSize = 1000

async function* newestFirst(store: Store, resourceId: string | undefined): AsyncGenerator<DeploymentRecord> {
  for (let page = 0, before: number | undefined; page < pages; page++) {
    const some = await store.listDeployments({
      limit: pageSize,
      ...(resourceId === undefined ? {} : { resourceId }),
      ...(before === undefined ? {} : { before }),
    })
    yield* some
    before = some.at(-1)?.order
    if (some.length < pageSize) break
  }
}

/** The newest attempt of a resource that is meant. */
export async function attemptWith(
  store: Store,
  resourceId: string,
  meant: (record: DeploymentRecord) => boolean,
): Promise<DeploymentRecord | null> {
  for await (const one of newestFirst(store, resourceId)) if (meant(one)) return one
  return null
}

export async function attemptsOf(store: Store, rolloutId: string, resourceId?: string): Promise<RolloutAttempts> {
  const its: DeploymentRecord[] = []
  for await (const one of newestFirst(store, resourceId)) if (one.request.rollout?.id === rolloutId) its.unshift(one)
  return {
    made: its.filter((one) => one.request.rollout?.undoes === undefined),
    undoing: its.filter((one) => one.request.rollout?.undoes !== undefined),
  }
}

/** `rollout-not-found`. */
export async function rolloutRecords(
  store: Store,
  id: string,
): Promise<RolloutAttempts & { resourceId: string; ref: RolloutRef }> {
  const { made, undoing } = await attemptsOf(store, id)
  const ref = made[0]?.request.rollout
  if (made[0] === undefined || ref === undefined) {
    throw new AppaloftError('rollout-not-found', {
      message: `There is no rollout ${id}.`,
      details: { rolloutId: id },
    })
  }
  return { resourceId: made[0].resourceId, ref, made, undoing }
}
