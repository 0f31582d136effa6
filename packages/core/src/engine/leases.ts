import { hasCode } from '../spec/errors.js'
import type { Lease, LeaseRef } from '../spec/lease.js'
import type { AcquireLease } from '../spec/store.js'
import type { Runtime } from './runtime.js'

/** The leases that this engine knows it holds. One that is in its name and not among them is nobody's: no heartbeat need be watched. */
export class Holdings {
  private readonly tokens = new Map<string, Set<number>>()
  private readonly asked = new Map<string, number>()

  add({ key, token }: LeaseRef): void {
    const tokens = this.tokens.get(key) ?? new Set()
    this.tokens.set(key, tokens.add(token))
  }

  drop({ key, token }: LeaseRef): void {
    const tokens = this.tokens.get(key)
    tokens?.delete(token)
    if (tokens?.size === 0) this.tokens.delete(key)
  }

  /** While a lease is asked for, nobody here knows whose it is. */
  async asking<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.asked.set(key, (this.asked.get(key) ?? 0) + 1)
    try {
      return await work()
    } finally {
      const left = (this.asked.get(key) ?? 1) - 1
      if (left > 0) this.asked.set(key, left)
      else this.asked.delete(key)
    }
  }

  has({ key, token }: LeaseRef): boolean {
    return this.asked.has(key) || this.tokens.get(key)?.has(token) === true
  }
}

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
