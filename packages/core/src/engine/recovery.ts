import { codes, type ErrorCode } from '../spec/codes.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import type { SnapshotVariable } from '../spec/profiles.js'
import type { Recovery, RecoveryCandidate } from '../spec/recovery.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { ResourceRecord } from '../spec/resource.js'
import type { Store } from '../spec/store.js'
import { nextActions } from './next-actions.js'
import { byPromotion } from './retention.js'
import type { Runtime } from './runtime.js'
import { refusal, verbs } from './verbs.js'

type Reasons = RecoveryCandidate['reasons']

/** What can be done after an attempt. Reads the store alone. */
export async function recovery(runtime: Runtime, record: DeploymentRecord): Promise<Recovery> {
  const { store } = runtime
  const resource = await store.getResource(record.resourceId)
  const reasons: Recovery['reasons'] = []
  const refused = (verb: Recovery['reasons'][number]['verb'], code: ErrorCode, message: string = codes[code].title) => {
    reasons.push({ verb, code, message })
  }
  for (const verb of verbs) {
    const code = refusal(verb, record)
    if (code !== null) refused(verb, code)
    else if (resource === null && verb !== 'cancel')
      refused(verb, 'resource-not-found', `The resource ${record.resourceId} was removed.`)
  }
  if (resource !== null && refusal('retry', record) === null)
    for (const { code, message } of await secretReasons(store, resource, record.plan?.environment ?? {}))
      refused('retry', code, message)
  const candidates = resource === null ? [] : await candidatesOf(store, resource, record.target)
  if (resource !== null && !candidates.some((one) => one.ready)) refused('rollback', 'nothing-to-roll-back')
  const able = (verb: (typeof verbs)[number]) =>
    !reasons.some((one) => one.verb === verb && one.code !== 'secret-rotated')
  const retryable = able('retry')
  const [recommended = null] = record.status === 'succeeded' ? [] : nextActions(record, { retryable })
  return {
    deploymentId: record.id,
    resourceId: record.resourceId,
    retryable,
    redeployable: able('redeploy'),
    rollbackReady: able('rollback'),
    reasons,
    candidates,
    recommended,
    stateVersion: resource?.stateVersion ?? 0,
  }
}

/** Kept releases in the order in which `rollback` would take them. */
export async function candidatesOf(
  store: Store,
  resource: ResourceRecord,
  target: string,
): Promise<RecoveryCandidate[]> {
  const live = resource.live[target]
  const kept = byPromotion(await store.listReleases({ resourceId: resource.id, target, states: ['retained'] }))
  return Promise.all(kept.map((one) => candidate(store, resource, one, one.id === live?.releaseId)))
}

async function candidate(
  store: Store,
  resource: ResourceRecord,
  release: ReleaseRecord,
  live: boolean,
): Promise<RecoveryCandidate> {
  const reasons: Reasons = live
    ? [{ code: 'nothing-to-roll-back', message: 'It takes the traffic now.' }]
    : await secretReasons(store, resource, release.plan.environment)
  return {
    releaseId: release.id,
    deploymentId: release.deploymentId,
    createdAt: release.createdAt,
    promotedAt: release.promotedAt ?? null,
    live,
    ready: reasons.every((one) => one.code === 'secret-rotated'),
    reasons,
  }
}

/** Versions of secrets that are no longer kept, and those that differ from today's. */
async function secretReasons(
  store: Store,
  resource: ResourceRecord,
  environment: Record<string, SnapshotVariable>,
): Promise<Reasons> {
  const reasons: Reasons = []
  for (const variable of Object.values(environment)) {
    if (!('secret' in variable)) continue
    const { name, version } = variable
    const sealed = await store.getSealed({ resourceId: resource.id, name, version })
    const today = resource.definition.environment?.[name]
    if (sealed?.digest !== variable.digest)
      reasons.push({
        code: 'secret-unavailable',
        message: `Version ${version} of the secret ${name} ${sealed === null ? 'is no longer kept' : 'has another value here'}; { secrets: 'current' } takes today's.`,
      })
    else if (today !== undefined && 'secret' in today && today.version !== version)
      reasons.push({
        code: 'secret-rotated',
        message: `The secret ${name} had version ${version} then and has ${today.version} today; { secrets: 'current' } takes today's.`,
      })
  }
  return reasons
}
