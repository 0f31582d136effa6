import { AppaloftError } from '../spec/errors.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { ResourceRecord } from '../spec/resource.js'
import type { Target } from '../spec/target.js'
import type { Begin } from './begin.js'
import { withCurrentSecrets } from './definitions.js'
import { byPromotion } from './retention.js'
import type { Runtime } from './runtime.js'

/** The release to go back to: the one that is named, or the one live before the present one. */
export async function releaseToRestore(
  { store }: Runtime,
  resource: ResourceRecord,
  target: Target,
  to: string | undefined,
): Promise<ReleaseRecord> {
  const live = resource.live[target.key]
  const kept = byPromotion(
    await store.listReleases({ resourceId: resource.id, target: target.key, states: ['retained'] }),
  )
  const release = to === undefined ? kept.find((one) => one.id !== live?.releaseId) : kept.find((one) => one.id === to)
  if (release !== undefined) return release
  throw new AppaloftError(
    to === undefined ? 'nothing-to-roll-back' : 'release-not-found',
    to === undefined
      ? {}
      : {
          message: `The release ${to} is not kept; there are: ${kept.map((one) => one.id).join(', ')}.`,
          details: { retained: kept.map((one) => one.id) },
        },
  )
}

/** The attempt that brings a release back: never planned nor built again. */
export async function restoring(
  runtime: Runtime,
  resource: ResourceRecord,
  release: ReleaseRecord,
  secrets: 'current' | undefined,
): Promise<Begin> {
  const environment =
    secrets === 'current'
      ? await withCurrentSecrets(runtime, resource.id, release.plan.environment)
      : release.plan.environment
  const built = await runtime.store.getDeployment(release.deploymentId)
  return {
    resourceId: resource.id,
    trigger: 'rollback',
    definition: { ...(built?.definition ?? resource.definition), environment },
    request: secrets ? { secrets } : {},
    plan: { ...release.plan, environment },
    planFingerprint: release.planFingerprint,
    sourceIdentity: release.plan.source,
    sourceDeploymentId: release.deploymentId,
    releaseId: release.id,
  }
}
