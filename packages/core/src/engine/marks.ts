import type { MachineLease } from '../spec/target-lease.js'

/** The highest fence that target and proxy know. */
export interface Marks {
  target: number
  proxy: number
  /** Of the machine itself; null where it keeps none. */
  lease: MachineLease | null
  /** They were read before the lease was asked for. */
  early?: true
}
