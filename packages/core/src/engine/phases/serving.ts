import { AppaloftError } from '../../spec/errors.js'
import { canonicalJson } from '../../spec/json.js'
import type { Endpoint, RouteTable } from '../../spec/proxy.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { Attempt } from '../attempt.js'
import { isLost } from '../errors.js'
import { proxyOf, usesProxy, verifyToken } from '../routes.js'
import { inspected } from './health.js'

type Where = Promise<Endpoint>

/**
 * One try of `access`: asked at once where the proxy served before the promotion, and beside it where it serves now. All is sent after the
 * promotion, and so is what it tells. Where it serves elsewhere by now, it is asked there, and what was heard first counts for nothing.
 */
export async function askServing<T>(
  ask: (at: Where) => Promise<T>,
  known: Promise<Endpoint | undefined> | undefined,
  present: Where,
): Promise<T> {
  const before = await known?.catch(() => undefined)
  if (before === undefined) return await ask(present)
  const [first, now] = await Promise.allSettled([ask(Promise.resolve(before)), present])
  if (now.status === 'rejected') throw now.reason
  if (canonicalJson(now.value.address) !== canonicalJson(before.address)) return await ask(present)
  if (first.status === 'rejected') throw first.reason
  return first.value
}

/**
 * An answer, and beside it how the process runs: an exit ends the wait at once. That it ran is no proof yet that it was the one that
 * answered: it may have been looked at first, have gone then, and somebody else have its port. Only a look that is sent after the answer
 * is one, and that is `stillRuns`.
 */
export async function askedAndInspected<T>(attempt: Attempt, attempts: number, answer: Promise<T>): Promise<T> {
  const [seen, answered] = await Promise.allSettled([inspected(attempt, attempts), answer])
  if (seen.status === 'rejected') throw seen.reason
  if (answered.status === 'rejected') throw answered.reason
  return answered.value
}

/** After the answer that access took, and before the former release is given up: the process that gave it is there. */
export async function stillRuns(attempt: Attempt, { plan }: ReleaseRecord): Promise<void> {
  if (!usesProxy(plan)) return
  try {
    await inspected(attempt, 1)
  } catch (error) {
    // What cannot be seen is not known to be gone: it answered.
    if (isLost(error) || (AppaloftError.isInstance(error) && error.phase === 'verify')) throw error
  }
}

/**
 * What the proxy serves of an attempt whose process died. Where only the token tells whose an answer is, and the table had forgotten it, it knows
 * it again: access is about to be asked once more. Undefined: it cannot be told.
 */
export async function servedAgain(attempt: Attempt, { plan }: ReleaseRecord): Promise<RouteTable | null | undefined> {
  const { runtime, target, record, id, ref, token } = attempt
  if (!usesProxy(plan)) return null
  const proxy = proxyOf(target)
  try {
    const { table } = await proxy.observe(record.resourceId)
    if (table === null || table.live?.deploymentId !== id) return undefined
    if (table.identity === 'always' || table.verify?.deploymentId === id) return table
    const visible = { ...table, verify: { token: await verifyToken(runtime, ref), deploymentId: id } }
    await proxy.apply(record.resourceId, visible, token)
    return visible
  } catch (error) {
    if (isLost(error)) throw error
    return undefined
  }
}
