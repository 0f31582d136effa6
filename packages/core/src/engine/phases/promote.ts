import type { RouteTable, UpstreamSet } from '../../spec/proxy.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { Attempt } from '../attempt.js'
import { isLost } from '../errors.js'
import { proxyOf, runningUpstreamOf, tableOf, usesProxy, verifyToken } from '../routes.js'
import { tellIntent } from '../telling.js'
import { askEarly, type EarlyAnswer } from './early-answer.js'
import type { Verified } from './verify.js'

/**
 * Live traffic moves in one atomic change of the proxy; the record follows it.
 *
 * @param verified what its checks have left to begin with
 * @returns what the proxy serves then (null: the release has no routes), and what it answered meanwhile
 */
export async function promote(
  attempt: Attempt,
  release: ReleaseRecord,
  verified: Verified = {},
): Promise<{ table: RouteTable | null; early?: EarlyAnswer | undefined }> {
  const { runtime, target, signal } = attempt
  const data = { releaseId: release.id }
  signal.throwIfAborted()
  await attempt.stillHolds()
  const reached = usesProxy(release.plan) ? upstreamFor(attempt, release, verified) : null
  // Waited for below.
  reached?.catch(() => undefined)
  await attempt.commit({
    set: { promotion: 'intended', journal: attempt.entry('promote', 'intended', data) },
    events: [attempt.event({ type: 'step-started', phase: 'verify', step: 'promote', data })],
  })
  signal.throwIfAborted()
  attempt.settled = true // from here on a cancel is refused: already promoted
  const [reach, told] = await Promise.allSettled([reached, toldOf(attempt, release, verified)])
  if (told.status === 'rejected') throw told.reason
  if (reach.status === 'rejected') throw reach.reason
  const live = reach.value
  let table: RouteTable | null = null
  let early: EarlyAnswer | undefined
  if (live !== null) {
    const verify = { token: await verifyToken(runtime, attempt.ref), deploymentId: attempt.id }
    table = tableOf(release.plan, runtime.identity, { live, staged: null, verify })
    const applied = proxyOf(target).apply(attempt.record.resourceId, table, attempt.token)
    early = askEarly(attempt, release, verified, applied)
    await applied
  }
  await recordPromotion(attempt, release)
  return { table, early }
}

/** What could not be told ahead may have been so for a moment: it is told anew. */
async function toldOf(attempt: Attempt, release: ReleaseRecord, { told }: Verified): Promise<void> {
  try {
    if (told !== undefined) return await told
  } catch (error) {
    if (isLost(error)) throw error
  }
  await tellIntent(attempt, release)
}

async function upstreamFor(attempt: Attempt, { plan }: ReleaseRecord, { upstream }: Verified): Promise<UpstreamSet> {
  const { runtime, target, ref, signal } = attempt
  const { deploymentId, releaseId } = ref
  if (upstream !== undefined) return { deploymentId, releaseId, addresses: [...upstream] }
  return runningUpstreamOf(runtime, target, ref, plan.network.internalPort ?? 80, 10, signal)
}

export async function recordPromotion(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const data = { releaseId: release.id }
  attempt.settled = true
  await attempt.commit({
    set: { promotion: 'recorded', journal: attempt.entry('promote', 'done', data) },
    live: { deploymentId: attempt.id, releaseId: release.id },
    events: [
      attempt.event({
        type: 'traffic-promoted',
        phase: 'verify',
        step: 'promote',
        message: `Traffic is served by ${attempt.id}.`,
        data: { ...data, from: attempt.record.previous?.deploymentId ?? null },
      }),
      attempt.event({ type: 'step-succeeded', phase: 'verify', step: 'promote' }),
    ],
  })
}
