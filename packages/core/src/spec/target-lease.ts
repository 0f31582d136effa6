import type { CallOptions } from './proxy.js'

/** Who raised the fence of a resource last, as the machine itself tells. */
export interface MachineLease {
  /** The fence of the target: what `Target.mark` answers. */
  token: number
  /** As it was given to `Target.fence`: a deployment, with `+` and an engine where that one recovers it, or an id of other work. */
  owner: string
  /** False: it was given back. */
  held: boolean
  /** Grows with each beat. Who waits watches it stand still on a clock of its own; wall times decide nothing. */
  beats: number
  /** The deployment that asks the holder to give way; null: none does. */
  wanted: string | null
}

/**
 * The lease that a machine itself keeps of each resource, so that engines without a common store wait for each other. Whoever raises the
 * target's fence holds it from that moment: taking it costs no call of its own, and the raised fence is the first beat. It ends with
 * `release`, with a higher fence, or by a counter that stands still for `leaseExpiryMs`: a holder that died has left nothing that anybody
 * must delete. The fence alone keeps a former holder from doing harm; the lease only tells that one is alive.
 *
 * Called by the engine only. Every method is idempotent. Errors: `runtime-backend-unavailable`, and those named.
 */
export interface TargetLease {
  /** Null: no fence was ever raised. One round trip. */
  read(resourceId: string, options?: CallOptions): Promise<MachineLease | null>
  /**
   * Once in `leaseBeatMs` by the holder. Answers what was asked of it. Errors: `fenced`, where the fence is higher than this token.
   */
  beat(resourceId: string, token: number, options?: CallOptions): Promise<Pick<MachineLease, 'wanted'>>
  /** Asks the holder of this token to give way to a deployment; the first that asks is told. Nothing happens where another holds it by now. */
  ask(resourceId: string, token: number, by: string, options?: CallOptions): Promise<void>
  /** Gives it back. The fence stays. Nothing happens where another holds it by now. */
  release(resourceId: string, token: number, options?: CallOptions): Promise<void>
}
