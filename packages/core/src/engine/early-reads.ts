import type { Marks } from './marks.js'

/** Marks that were read while nobody held the lease of resource and target. */
export interface EarlyMarks {
  /** Of that lease. */
  token: number
  marks: Marks
}

/**
 * Marks that are read before the lease is asked for, while other things are waited for. That they are old does no harm: a fence is raised by
 * compare-and-set, and where it is refused they are read again. Only of machines elsewhere, where it saves time, with leases of their own, by
 * which they are read again before an attempt gives up.
 */
export class EarlyReads {
  readonly #seen = new Map<string, EarlyMarks>()
  readonly #wanted = new Set<string>()

  /** Something is about to be done with it: whoever looks at it looks at its marks too. */
  want(resourceId: string): void {
    this.#wanted.add(resourceId)
  }

  isWanted(resourceId: string): boolean {
    return this.#wanted.has(resourceId)
  }

  put(key: string, seen: EarlyMarks): void {
    this.#seen.set(key, seen)
  }

  take(key: string): EarlyMarks | undefined {
    const seen = this.#seen.get(key)
    this.#seen.delete(key)
    return seen
  }
}
