import { resourceLeaseKey } from '../spec/lease.js'
import type { Store } from '../spec/store.js'
import type { Target } from '../spec/target.js'
import type { EarlyMarks } from './early-reads.js'
import { readMarks } from './fences.js'
import { isForeign } from './machine.js'
import type { Marks } from './marks.js'
import type { Runtime } from './runtime.js'

export const readsEarly = ({ lease, address }: Target): boolean => lease !== undefined && address !== undefined

/** Those that were seen a moment ago, else as they are now. Null: there is nothing to go by. Never rejects. */
export async function earlyMarks(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  signal: AbortSignal,
): Promise<EarlyMarks | null> {
  if (!readsEarly(target)) return null
  const key = resourceLeaseKey(resourceId, target.key)
  const seen = runtime.early.take(key)
  try {
    const token = await freeToken(runtime.store, key)
    if (token === null) return null
    if (seen?.token === token) return seen
    return { token, marks: await readMarks(target, resourceId, { signal }) }
  } catch {
    return null
  }
}

/** Undefined: somebody has or had the lease since, or holds the machine for another store: they are to be read now. */
export async function stillGood(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  early: EarlyMarks | null,
): Promise<Marks | undefined> {
  if (early === null) return undefined
  const { token, marks } = early
  if ((await freeToken(runtime.store, resourceLeaseKey(resourceId, target.key))) !== token) return undefined
  const { lease } = marks
  if (lease?.held === true && (await isForeign(runtime, target, resourceId, lease))) return undefined
  return { ...marks, early: true }
}

/** Of a lease that nobody holds. */
export async function freeToken(store: Store, key: string): Promise<number | null> {
  const lease = await store.readLease(key)
  return lease?.holder == null ? (lease?.token ?? 0) : null
}
