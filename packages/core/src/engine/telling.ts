import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { RunningRef, Target } from '../spec/target.js'
import type { TargetRecord } from '../spec/target-records.js'
import type { Attempt } from './attempt.js'
import { isLost, toAppaloftError } from './errors.js'
import { isEnded, type Kept, keptText, readKept } from './records.js'
import type { Runtime } from './runtime.js'
import { allOver } from './several.js'

/**
 * Before a release takes the traffic, the machine is told of it: whoever finds it serving knows what it is. Told so even where its checks are
 * not all over: what does not serve is taken for nothing but what it is, a candidate.
 */
export async function tellIntent(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  if (attempt.target.records === undefined) return
  const { store } = attempt.runtime
  const { previous } = attempt.record
  const intended = { step: 'promote', state: 'intended', data: { releaseId: release.id } } as const
  // Where one of them fails, nothing is undone beside the other.
  await allOver([
    put(attempt, { ...attempt.present, promotion: 'intended', journal: intended }, release),
    // Of what was live before machines were told, one that must go back to it has to know as well.
    (async () => {
      const former = previous === null ? null : await store.getRelease(previous.releaseId)
      if (previous === null || former === null || former.recorded) return
      const served = await store.getDeployment(previous.deploymentId)
      if (served !== null) await put(attempt, served, former)
    })(),
  ])
}

/** Access has passed. Null, or why the machine could not be told. */
export async function tellEnd(attempt: Attempt, release: ReleaseRecord): Promise<AppaloftError | null> {
  const at = attempt.runtime.now()
  try {
    await put(
      attempt,
      {
        ...attempt.present,
        ...{ status: 'succeeded', promotion: 'recorded', drain: 'done', finishedAt: at },
        journal: { step: 'drain', state: 'done', data: {} },
      },
      { ...release, state: 'retained', promotedAt: at },
    )
    return null
  } catch (error) {
    if (isLost(error)) throw error
    return toAppaloftError(error)
  }
}

async function put(attempt: Attempt, deployment: DeploymentRecord, release: ReleaseRecord): Promise<void> {
  const { runtime, target, record } = attempt
  const resource = target.records === undefined ? null : await runtime.store.getResource(record.resourceId)
  if (resource === null) return
  const text = await keptText(runtime, resource, deployment, { ...release, recorded: true })
  await target.records?.put(record.resourceId, deployment.id, text, attempt.token)
}

/** It takes the traffic no longer, or never did. */
export async function untell({ target, record, token, id }: Attempt): Promise<void> {
  if (record.currentPhase === 'verify') await target.records?.remove(record.resourceId, id, token)
}

/** Of an attempt that had ended with its candidate left there, and nothing to go back to: its rollback could not take the record away. */
export async function untellStray(
  { store }: Runtime,
  { records }: Target,
  { resourceId, deploymentId }: RunningRef,
  token: number,
): Promise<void> {
  const owner = records === undefined ? null : await store.getDeployment(deploymentId)
  if (owner !== null && owner.promotion !== 'recorded') await records?.remove(resourceId, deploymentId, token)
}

/**
 * Makes the machine's records equal to what is kept here: of each release the attempt that built it, and the last that took the traffic
 * with it. What cannot be read is left to who can.
 */
export async function tellKept(
  attempt: Attempt,
  lying: readonly TargetRecord[],
  kept: readonly ReleaseRecord[],
): Promise<void> {
  const { target, record } = attempt
  const { records } = target
  if (records === undefined) return
  const there = lying.flatMap((one) => readable(one, target.key))
  const wanted = await wantedOf(attempt, kept)
  const missing = [...wanted.values()].filter(
    ({ deployment }) => !there.some((one) => one.deployment.id === deployment.id && isEnded(one)),
  )
  await Promise.all(missing.map(({ deployment, release }) => put(attempt, deployment, release)))
  const fresh = kept.filter((one) => !one.recorded && one.id !== record.releaseId)
  if (fresh.length > 0) await attempt.commit({ releases: fresh.map((one) => ({ ...one, recorded: true })) })
  await Promise.all(
    there
      .filter(({ deployment: { id } }) => id !== attempt.id && !wanted.has(id))
      .map(({ deployment }) => records.remove(record.resourceId, deployment.id, attempt.token)),
  )
}

function readable(one: TargetRecord, target: string): Kept[] {
  try {
    return [readKept(one, target)]
  } catch (error) {
    if (AppaloftError.isInstance(error)) return []
    throw error
  }
}

/** So many of a resource's attempts are looked through for the last of each release. */
const lookedThrough = 200

async function wantedOf({ runtime, target, record, id, token }: Attempt, kept: readonly ReleaseRecord[]) {
  const { store } = runtime
  const { resourceId } = record
  const query = { resourceId, target: target.key, statuses: ['succeeded'], limit: lookedThrough } as const
  const ended = (await store.listDeployments(query)).filter(({ promotion }) => promotion === 'recorded')
  const wanted = new Map<string, { deployment: DeploymentRecord; release: ReleaseRecord }>()
  for (const release of kept) {
    const built =
      ended.find((one) => one.id === release.deploymentId) ?? (await store.getDeployment(release.deploymentId))
    const last = ended
      .filter((one) => one.releaseId === release.id)
      .sort((a, b) => (b.token ?? 0) - (a.token ?? 0))
      .at(0)
    // This attempt's own is told apart.
    const own = record.releaseId === release.id && token > (last?.token ?? 0)
    for (const deployment of own ? [built] : [built, last])
      if (deployment?.status === 'succeeded' && deployment.promotion === 'recorded' && deployment.id !== id)
        wanted.set(deployment.id, { deployment, release })
  }
  return wanted
}
