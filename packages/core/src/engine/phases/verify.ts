import type { Address } from '../../spec/proxy.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { Attempt } from '../attempt.js'
import { accessUrls, usesProxy } from '../routes.js'
import { tellIntent } from '../telling.js'
import type { Ahead } from './ahead.js'
import { askRoutes, type Endpoint, endpointOf, type Known } from './ask-route.js'
import type { EarlyAnswer } from './early-answer.js'
import { checkHealth } from './health.js'
import { record, seen } from './observed.js'
import { askPublicly, checkHostPort, checkRoutes } from './routing.js'

/** What was begun beside the candidate's route. */
export interface Begun {
  health?: Ahead | null
  endpoint?: Endpoint
}

/** What its promotion begins with. */
export interface Verified {
  /** Where its proxy reaches it, by a look that was sent with the last question of the checks; undefined: it is to be looked for. */
  upstream?: readonly Address[] | undefined
  /** What became of telling the machine of it; undefined: it is to be told. */
  told?: Promise<void> | undefined
  known?: Known | undefined
  /** Milliseconds that its route took to answer. */
  askedMs?: number | undefined
}

/** The process, health and route checks: what a candidate must pass before users meet it. */
export async function verifyCandidate(attempt: Attempt, release: ReleaseRecord, begun: Begun = {}): Promise<Verified> {
  const data = { releaseId: release.id }
  if (!usesProxy(release.plan)) {
    await attempt.look('verify', 'health', data, () => checkHealth(attempt, release))
    record(attempt, 'route', {
      status: 'skipped',
      attempts: 0,
      evidence: [seen('network.exposure', release.plan.network.exposure, 'profile')],
    })
    return {}
  }
  const endpoint = begun.endpoint ?? endpointOf(attempt)
  // Waited for below.
  endpoint.catch(() => undefined)
  let asked: ReturnType<typeof askRoutes> = []
  let told: Promise<void> | undefined
  let askedMs: number | undefined
  const { clock } = attempt.runtime
  // Beside the last look at its process, which takes as long.
  const answered = () => {
    const began = clock.monotonic()
    asked = askRoutes(attempt, release, endpoint)
    asked[0]?.then(
      () => {
        askedMs = clock.monotonic() - began
      },
      () => undefined,
    )
    // One that waits for others is told of when its turn comes.
    if (attempt.hooks.verified === undefined) told ??= tellAhead(attempt, release)
  }
  try {
    const upstream = await attempt.look('verify', 'health', data, () =>
      checkHealth(attempt, release, { ahead: begun.health, answered }),
    )
    const tries = await attempt.look('verify', 'verify-route', data, () =>
      checkRoutes(attempt, release, { name: 'route', patienceMs: 10_000, endpoint, asked }),
    )
    const isLast = tries === asked.length && upstream.length > 0
    return { upstream: isLast ? upstream : undefined, told, known: endpoint.catch(() => undefined), askedMs }
  } finally {
    // What is on its way cannot be taken away again.
    await told?.catch(() => undefined)
  }
}

/** Where the attempt is has to be recorded first: by that it is known that there may be something to take away. */
function tellAhead(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const told = attempt.target.records === undefined ? Promise.resolve() : attempt.settle()
  const all = told.then(() => tellIntent(attempt, release))
  // Waited for by who promotes it.
  all.catch(() => undefined)
  return all
}

/**
 * @param known where the proxy served when the route was checked
 * @param early what it answered while the promotion was under way
 */
export async function checkAccess(
  attempt: Attempt,
  release: ReleaseRecord,
  known?: Known,
  early?: EarlyAnswer,
): Promise<void> {
  const { plan } = release
  if (plan.network.exposure === 'none') {
    return record(attempt, 'access', {
      status: 'skipped',
      attempts: 0,
      evidence: [seen('network.exposure', 'none', 'profile')],
    })
  }
  // The promotion is through: where the proxy serves is asked anew, once.
  const endpoint = usesProxy(plan) ? endpointOf(attempt) : undefined
  // Waited for below.
  endpoint?.catch(() => undefined)
  await attempt.step('verify', 'access', { releaseId: release.id }, async () => {
    if (plan.network.exposure === 'direct-port') await checkHostPort(attempt, release)
    else {
      await checkRoutes(attempt, release, { name: 'access', patienceMs: 60_000, endpoint, known, early })
      await askPublicly(attempt, release, endpoint)
    }
  })
  const urls = await accessUrls(attempt.target, plan, attempt.record.resourceId, endpoint)
  attempt.defer({ set: { accessUrls: urls } })
}
