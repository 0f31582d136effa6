import { z } from 'zod'
import { strictObject } from './schema.js'

/** Who holds a lease: enough to prove, on the same machine and inside the same pid namespace, that the holder is dead. */
export const holderSchema = strictObject(() => ({
  /** The engine instance. */
  engineId: z.string(),
  deploymentId: z.string(),
  /** The machine's boot id; empty where the system tells none (then only a standing heartbeat counts). */
  bootId: z.string(),
  /** The pid namespace; empty where the system tells none. */
  pidNamespace: z.string(),
  pid: z.number().int(),
  /** The process' start time in the system's own unit, compared for equality only; empty where the system tells none. */
  startTime: z.string(),
}))
export type Holder = z.infer<typeof holderSchema>

export const leaseSchema = strictObject(() => ({
  key: z.string(),
  /** Grows with every new holder; never reused. */
  token: z.number().int().min(1),
  /** The heartbeat counter. Who waits watches it stand still on a clock of its own; wall times decide nothing. */
  beats: z.number().int(),
  /** Null: released. The row stays, so that the token keeps growing. */
  holder: holderSchema.nullable(),
}))
export type Lease = z.infer<typeof leaseSchema>

export interface LeaseRef {
  key: string
  token: number
}

/** The lease of an attempt itself, held from its creation to its end. */
export const attemptLeaseKey = (deploymentId: string): string => `attempt:${deploymentId}`
/** The lease of a resource on a target, taken when a plan is ready. */
export const resourceLeaseKey = (resourceId: string, target: string): string => `resource:${resourceId}@${target}`
/** The lease of a rollout of a resource over several targets: held by who conducts it, whose holder names the rollout instead of a deployment. */
export const rolloutLeaseKey = (resourceId: string): string => `rollout:${resourceId}`
/** A waiter takes over when the counter stood still for this long on its own monotonic clock. */
export const leaseExpiryMs = 15_000
/** A holder gives up by itself after this long without a successful beat. */
export const leaseGiveUpMs = 10_000
export const leaseBeatMs = 2_000
