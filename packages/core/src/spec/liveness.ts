import type { Holder } from './lease.js'

/** What of a lease's holder tells one process from every other one. */
export type ProcessIdentity = Pick<Holder, 'bootId' | 'pidNamespace' | 'pid' | 'startTime'>

/**
 * Who this process is, and whether another one lives. The default reads /proc; where the system tells nothing, or the holder belongs to
 * another boot or pid namespace, the answer is `unknown`, and only a standing heartbeat decides.
 */
export interface Liveness {
  readonly self: ProcessIdentity
  /** `dead` only when it is proven. */
  judge(holder: ProcessIdentity): 'alive' | 'dead' | 'unknown'
}
