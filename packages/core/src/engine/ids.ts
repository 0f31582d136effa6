import { monotonicFactory } from 'ulid'
import type { Ids } from '../spec/ids.js'

/** Monotonic lower-case ULIDs: also within one millisecond, and while the wall clock stands or goes back. */
export function ulidIds(): Ids {
  const ulid = monotonicFactory()
  return { next: (prefix) => `${prefix}_${ulid().toLowerCase()}` }
}
