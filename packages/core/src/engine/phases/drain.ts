import { reason } from '../../spec/reasons.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { OwnedThing } from '../../spec/target.js'
import type { Attempt } from '../attempt.js'
import { isLost, toAppaloftError } from '../errors.js'
import { requestsEnd } from '../in-flight.js'
import { usesProxy } from '../routes.js'
import { previousRef, releaseInput } from './execute.js'

/**
 * In-flight requests of former releases finish, bounded by `drainSeconds`; then they are stopped. A failure is a warning. Access has passed
 * by now: the release becomes one that can be gone back to.
 */
export async function drain(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const { target, runtime } = attempt
  const { resourceId } = attempt.record
  const order = await promotionOrder(attempt)
  await attempt.commit({
    set: { drain: 'running', journal: { step: 'drain', state: 'intended', data: {} } },
    releases: [
      {
        ...release,
        ...{ state: 'retained', promotedAt: runtime.now(), promotedOrder: order },
        ...(target.records === undefined ? {} : { recorded: true }),
      },
    ],
    events: [attempt.event({ type: 'step-started', phase: 'verify', step: 'drain' })],
  })
  let done = true
  try {
    const input = await releaseInput(attempt, release, attempt.signal, 'promote')
    const promoted = Promise.resolve(target.promoted?.(input, previousRef(attempt)))
    const drained = target.list(resourceId).then((things) => {
      const old = things.filter((one) => one.deploymentId !== attempt.id)
      return drainThings(attempt, old, usesProxy(release.plan) ? release.plan.network.drainSeconds : 0, promoted)
    })
    for (const one of await Promise.allSettled([promoted, drained])) if (one.status === 'rejected') throw one.reason
  } catch (error) {
    attempt.signal.throwIfAborted()
    if (isLost(error)) throw error
    done = false
    const message = `The former release was not drained: ${toAppaloftError(error).message}`
    await attempt.warn(reason('drain-failed', { phase: 'verify', message }))
  }
  attempt.defer({
    set: { drain: done ? 'done' : 'failed', journal: { step: 'drain', state: done ? 'done' : 'failed', data: {} } },
    events: [attempt.event({ type: done ? 'step-succeeded' : 'step-failed', phase: 'verify', step: 'drain' })],
  })
}

/** Above every former one's: what another store did meanwhile has come since the attempt was created. */
export async function promotionOrder({ runtime, target, record }: Attempt): Promise<number> {
  if (target.records === undefined) return record.order
  const { resourceId, releaseId, order } = record
  const all = await runtime.store.listReleases({ resourceId, target: target.key })
  const others = all.filter(({ id }) => id !== releaseId)
  return Math.max(order, ...others.map(({ promotedOrder = 0 }) => promotedOrder + 1))
}

/** A cancel comes too late here; a lost lease does not. */
export function unlessLost({ signal }: Attempt): void {
  if (isLost(signal.reason)) throw signal.reason
}

/**
 * What no longer takes traffic: its requests may end, then it is cut, stopped and removed.
 *
 * @param promoted the release that is live is one to stay: before that, nothing is taken away
 */
export async function drainThings(
  attempt: Attempt,
  things: readonly OwnedThing[],
  seconds: number,
  promoted: Promise<unknown> = Promise.resolve(),
): Promise<void> {
  const { target, runtime } = attempt
  const { resourceId } = attempt.record
  const { clock } = runtime
  const began = clock.monotonic()
  for (const one of things) {
    await requestsEnd(runtime, target, one, Math.max(0, began + seconds * 1000 - clock.monotonic()), () =>
      unlessLost(attempt),
    )
    await promoted
    await target.proxy?.cut?.(resourceId, one.deploymentId, attempt.token)
    // Which stops it first.
    await target.remove(one, attempt.token)
    const took = Math.round(clock.monotonic() - began) / 1000
    const data = { deploymentId: one.deploymentId, releaseId: one.releaseId, seconds: took }
    await attempt.commit({ events: [attempt.event({ type: 'release-drained', data })] })
  }
}
