import type { ProxyObservation, RouteTable } from '../../spec/proxy.js'
import { type Reason, reason } from '../../spec/reasons.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { OwnedThing } from '../../spec/target.js'
import type { Attempt } from '../attempt.js'
import { isLost, toAppaloftError } from '../errors.js'
import { requestsEnd } from '../in-flight.js'
import { proxyOf, usesProxy } from '../routes.js'
import { allOver } from '../several.js'
import type { DrainLooks } from './drain-looks.js'
import { previousRef } from './execute.js'
import { releaseInput } from './inputs.js'
import { stillRuns } from './serving.js'

/** What is known of an attempt whose access has passed. */
export interface Passed {
  looks: DrainLooks
  /** What the proxy serves since the promotion; null: the release has no routes; undefined: not known. */
  table: RouteTable | null | undefined
}

/** It is the release that stays: from here on former ones go. */
export interface Draining {
  /** Every former release is gone, or it was told why not. */
  ended: Promise<void>
  /** Its routes were left alone; a warning where they could not be. */
  alone: Promise<Reason | null>
}

/**
 * Access has passed. Its process is looked at once more before anything of the former release goes: where that finds it gone, the attempt
 * fails, and the former release takes the traffic back. Then the release becomes one that can be gone back to, in-flight requests of former
 * ones finish, bounded by `drainSeconds`, and they are stopped. A failure there is a warning.
 */
export async function drain(attempt: Attempt, release: ReleaseRecord, passed: Passed): Promise<Draining> {
  const { target, runtime } = attempt
  const order = await promotionOrder(attempt)
  await attempt.commit({
    set: { journal: attempt.entry('drain', 'intended', {}) },
    events: [attempt.event({ type: 'step-started', phase: 'verify', step: 'drain' })],
  })
  const alone = serveAlone(attempt, release, passed.table)
  const proven = stillRuns(attempt, release)
  const promoted = releaseInput(attempt, release, attempt.signal, 'promote').then((input) =>
    target.promoted?.(input, previousRef(attempt), { proven }),
  )
  // Waited for below.
  for (const one of [alone, proven, promoted]) one.catch(() => undefined)
  try {
    await proven
    await attempt.commit({
      set: { drain: 'running' },
      releases: [
        {
          ...release,
          ...{ state: 'retained', promotedAt: runtime.now(), promotedOrder: order },
          ...(target.records === undefined ? {} : { recorded: true }),
        },
      ],
    })
  } catch (error) {
    // Nothing is undone beside it.
    await Promise.allSettled([alone, promoted])
    throw error
  }
  const ended = drainFormer(attempt, release, passed, promoted)
  // Waited for by who drains.
  ended.catch(() => undefined)
  return { ended, alone }
}

/**
 * Nothing is staged any more, and nobody needs the attempt's token. The proxy goes on counting the requests of what the table before this one
 * had replaced. A failure is a warning: it serves.
 */
async function serveAlone(
  attempt: Attempt,
  { plan }: ReleaseRecord,
  known: RouteTable | null | undefined,
): Promise<Reason | null> {
  if (!usesProxy(plan)) return null
  const { target, record, id, token } = attempt
  try {
    const proxy = proxyOf(target)
    const table = known === undefined ? (await proxy.observe(record.resourceId)).table : known
    if (table !== null && table.live?.deploymentId === id)
      await proxy.apply(record.resourceId, { ...table, staged: null, verify: null }, token)
    return null
  } catch (error) {
    unlessLost(attempt)
    if (isLost(error)) throw error
    const message = `The proxy still knows the verification token: ${toAppaloftError(error).message}`
    return reason('verify-route-kept', { phase: 'verify', message })
  }
}

async function drainFormer(
  attempt: Attempt,
  release: ReleaseRecord,
  { looks }: Passed,
  promoted: Promise<unknown>,
): Promise<void> {
  let done = true
  try {
    const drained = looks.things().then(async (things) => {
      const old = things.filter((one) => one.deploymentId !== attempt.id)
      const first = old.length === 0 ? null : await looks.requests()
      const seconds = usesProxy(release.plan) ? release.plan.network.drainSeconds : 0
      await drainThings(attempt, old, seconds, { promoted, first })
    })
    await allOver([promoted, drained])
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
 * @param first the requests in flight as they were seen since it takes no traffic
 */
export async function drainThings(
  attempt: Attempt,
  things: readonly OwnedThing[],
  seconds: number,
  { promoted, first = null }: { promoted?: Promise<unknown>; first?: ProxyObservation | null } = {},
): Promise<void> {
  const { target, runtime } = attempt
  const { resourceId } = attempt.record
  const { clock } = runtime
  const began = clock.monotonic()
  for (const one of things) {
    const ms = Math.max(0, began + seconds * 1000 - clock.monotonic())
    await requestsEnd(runtime, target, one, ms, () => unlessLost(attempt), first)
    await promoted
    await target.proxy?.cut?.(resourceId, one.deploymentId, attempt.token)
    // Which stops it first.
    await target.remove(one, attempt.token)
    const took = Math.round(clock.monotonic() - began) / 1000
    const data = { deploymentId: one.deploymentId, releaseId: one.releaseId, seconds: took }
    await attempt.commit({ events: [attempt.event({ type: 'release-drained', data })] })
  }
}
