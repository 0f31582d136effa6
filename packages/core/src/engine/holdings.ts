import type { LeaseRef } from '../spec/lease.js'

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
