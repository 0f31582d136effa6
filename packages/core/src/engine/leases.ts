import { hasCode } from '../spec/errors.js'
import type { Lease } from '../spec/lease.js'
import type { AcquireLease } from '../spec/store.js'
import type { Runtime } from './runtime.js'

/** A call that is safe to repeat, while the store is away for a moment: at most some seconds. */
export async function patiently<T>({ clock }: Runtime, work: () => Promise<T>, enough = () => false): Promise<T> {
  for (let wait = 50; ; wait *= 2) {
    try {
      return await work()
    } catch (error) {
      if (!hasCode(error, 'store-unavailable') || wait > 3_200 || enough()) throw error
      await clock.sleep(wait)
    }
  }
}

/**
 * Takes a lease. Where the store did not answer, the lease itself tells whether it was taken: its holder is in nobody else's name. Null:
 * someone was faster.
 */
export function acquireLease(runtime: Runtime, input: AcquireLease): Promise<Lease | null> {
  const { store, holdings } = runtime
  const { key, holder, expect } = input
  const mine = (lease: Lease | null): lease is Lease =>
    lease?.holder?.engineId === holder.engineId &&
    lease.holder.deploymentId === holder.deploymentId &&
    lease.token !== expect?.token
  let doubt = false
  return holdings.asking(key, async () => {
    const taken = await patiently(runtime, async () => {
      const present = doubt ? await store.readLease(key) : null
      if (mine(present)) return present
      doubt = true
      return store.acquireLease(input)
    })
    if (taken !== null) holdings.add(taken)
    return taken
  })
}
