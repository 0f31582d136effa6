import type { ReleaseRecord } from '../../spec/release.js'
import type { Attempt } from '../attempt.js'
import { accessUrls, usesProxy } from '../routes.js'
import type { Ahead } from './ahead.js'
import { checkHealth } from './health.js'
import { record, seen } from './observed.js'
import { askPublicly, checkHostPort, checkRoutes, endpointOf } from './routing.js'

/** What was begun beside the candidate's route. */
export interface Begun {
  health?: Ahead | null
  endpoint?: ReturnType<typeof endpointOf>
}

/** The process, health and route checks: what a candidate must pass before users meet it. */
export async function verifyCandidate(attempt: Attempt, release: ReleaseRecord, begun: Begun = {}): Promise<void> {
  const endpoint = usesProxy(release.plan) ? (begun.endpoint ?? endpointOf(attempt)) : undefined
  // Waited for below.
  endpoint?.catch(() => undefined)
  await attempt.look('verify', 'health', { releaseId: release.id }, () => checkHealth(attempt, release, begun.health))
  if (!usesProxy(release.plan))
    return record(attempt, 'route', {
      status: 'skipped',
      attempts: 0,
      evidence: [seen('network.exposure', release.plan.network.exposure, 'profile')],
    })
  await attempt.look('verify', 'verify-route', { releaseId: release.id }, () =>
    checkRoutes(attempt, release, { name: 'route', patienceMs: 10_000, endpoint }),
  )
}

export async function checkAccess(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const { plan } = release
  if (plan.network.exposure === 'none') {
    return record(attempt, 'access', {
      status: 'skipped',
      attempts: 0,
      evidence: [seen('network.exposure', 'none', 'profile')],
    })
  }
  // The promotion is through: where the proxy serves is asked once.
  const endpoint = usesProxy(plan) ? endpointOf(attempt) : undefined
  // Waited for below.
  endpoint?.catch(() => undefined)
  await attempt.step('verify', 'access', { releaseId: release.id }, async () => {
    if (plan.network.exposure === 'direct-port') await checkHostPort(attempt, release)
    else {
      await checkRoutes(attempt, release, { name: 'access', patienceMs: 60_000, endpoint })
      await askPublicly(attempt, release, endpoint)
    }
  })
  const urls = await accessUrls(attempt.target, plan, attempt.record.resourceId, endpoint)
  attempt.defer({ set: { accessUrls: urls } })
}
