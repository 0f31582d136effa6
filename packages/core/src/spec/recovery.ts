import { z } from 'zod'
import { allErrorCodes } from './codes.js'
import { deploymentSchema, nextActionSchema } from './deployment.js'
import { deploymentEventSchema } from './events.js'
import { jsonObjectSchema } from './json.js'
import { strictObject } from './schema.js'

/** Why a verb is refused, or what to know before it is used. */
export const recoveryReasonSchema = strictObject(() => ({
  code: z.enum(allErrorCodes),
  message: z.string(),
}))

/** A release to go back to. */
export const recoveryCandidateSchema = strictObject(() => ({
  releaseId: z.string(),
  /** The attempt that built it. */
  deploymentId: z.string(),
  createdAt: z.string(),
  promotedAt: z.string().nullable(),
  /** It takes the traffic now. */
  live: z.boolean(),
  /** Would `rollback` with `to` this release be taken? */
  ready: z.boolean(),
  /** Why not, or what to know first (`secret-rotated`). Every candidate that is not ready has one. */
  reasons: z.array(recoveryReasonSchema),
}))
export type RecoveryCandidate = z.infer<typeof recoveryCandidateSchema>

/** What can be done after an attempt: read before a verb, and given back to it as `stateVersion`. */
export const recoverySchema = strictObject(() => ({
  deploymentId: z.string(),
  resourceId: z.string(),
  /** Would `retry` of this attempt be taken? */
  retryable: z.boolean(),
  /** Would `redeploy` of its resource be taken? */
  redeployable: z.boolean(),
  /** Is there a release that `rollback` would take? */
  rollbackReady: z.boolean(),
  /** Why a verb is refused, or what to know first. */
  reasons: z.array(recoveryReasonSchema.extend({ verb: z.enum(['retry', 'redeploy', 'rollback', 'cancel']) })),
  /** Kept releases, by their last promotion, newest first. */
  candidates: z.array(recoveryCandidateSchema),
  /** Null: there is nothing to mend. */
  recommended: nextActionSchema.nullable(),
  /** Counts the changes of the resource; 0 where it was removed. */
  stateVersion: z.number().int(),
}))
export type Recovery = z.infer<typeof recoverySchema>

/** One document without secrets, to be pasted into a ticket. A section that cannot be read is null, and `problems` says why. */
export const diagnosticsSchema = strictObject(() => ({
  schemaVersion: z.literal(1),
  generatedAt: z.string(),
  deployment: deploymentSchema,
  recovery: recoverySchema.nullable(),
  /** What was to run: the plan with the names of its variables and without their values. */
  plan: jsonObjectSchema.nullable(),
  /** The step that was intended or done last, the promotion and the drain as recorded. */
  progress: jsonObjectSchema,
  /** The last events, oldest first; log lines are bounded. */
  events: z.array(deploymentEventSchema),
  /** Desired against observed, as `resources.status` answers. */
  status: jsonObjectSchema.nullable(),
  /** The target's abilities, and what its `probe` found. */
  target: jsonObjectSchema.nullable(),
  /** Versions of what runs the engine. */
  engine: strictObject(() => ({
    node: z.string(),
    platform: z.string(),
    arch: z.string(),
    store: z.string(),
    targets: z.array(z.string()),
    planners: z.array(z.string()),
  })),
  problems: z.array(recoveryReasonSchema.extend({ section: z.string() })),
}))
export type Diagnostics = z.infer<typeof diagnosticsSchema>
