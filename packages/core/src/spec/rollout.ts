import { z } from 'zod'
import type { CreateOptions } from './api.js'
import { allErrorCodes } from './codes.js'
import { statusSchema } from './phases.js'
import { requestSchema } from './request.js'
import { rolloutBatchSchema, rolloutOnFailureSchema, rolloutPromoteSchema } from './rollout-ref.js'
import { strictObject } from './schema.js'

export { type RolloutBatch, type RolloutRef, rolloutBatchSchema, rolloutRefSchema } from './rollout-ref.js'

/** What `rollout` takes: a request without a target, or a rollback. Unknown fields are refused with their paths. */
export const rolloutRequestSchema = strictObject(() => ({
  resource: requestSchema.shape.resource,
  gitRef: requestSchema.shape.gitRef,
  commitSha: requestSchema.shape.commitSha,
  force: requestSchema.shape.force,
  stateVersion: requestSchema.shape.stateVersion,
  /**
   * The previews' of the targets, by key of each, or all of them in one (`rolloutFingerprint`). Refuses with `plan-stale` before anything
   * begins when anything that decides what will run changed since, on any of them.
   */
  fingerprint: z.union([z.string().min(1), z.record(z.string(), z.string().min(1))]).optional(),
  /** The same key for the same resource gives the same rollout. */
  idempotencyKey: requestSchema.shape.idempotencyKey,
  /**
   * Instead of a new release, on each target a former one: what a rollout made there (`to: 'rol_…'`), with one target also a release
   * (`to: 'rel_…'`), without `to` the one live before the present one. A target that has none is refused before anything begins.
   */
  rollback: strictObject(() => ({ to: z.string().min(1).max(64).optional() })).optional(),
  /** With `rollback`: today's values of secrets, instead of those that the releases were made with. */
  secrets: z.literal('current').optional(),
})).superRefine((request, context) => {
  const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
  if (request.rollback === undefined) {
    if (request.secrets !== undefined) refuse('secrets', 'only with rollback')
    return
  }
  if (typeof request.resource !== 'string') refuse('resource', 'with rollback the id of a defined resource')
  for (const field of ['gitRef', 'commitSha', 'force', 'fingerprint'] as const)
    if (request[field] !== undefined) refuse(field, 'not with rollback: a former release is never built again')
})
export type RolloutRequest = z.infer<typeof rolloutRequestSchema>

/** How the targets follow each other. */
export const rolloutPlanSchema = strictObject(() => ({
  /** Keys of targets, in the order in which they are to get it. Default: all of the engine, in its order. */
  targets: z
    .array(z.string().min(1))
    .min(1, 'name at least one target, or leave it out: all')
    .superRefine((targets, context) => {
      for (const [i, one] of targets.entries())
        if (targets.indexOf(one) < i)
          context.addIssue({ code: 'custom', path: [i], message: `${one} is named twice: take one of them out` })
    })
    .optional(),
  /** How many at a time: `2`, or `{ first: 1, rest: 4 }` for one alone and then four at a time. Default 1. */
  batch: rolloutBatchSchema.optional(),
  /** `each` (default): a target is promoted as soon as it is verified. `together`: all are, when all are verified, or none. */
  promote: rolloutPromoteSchema.optional(),
  /** With `each`: what targets do that have the new release already when another one fails. `stop` (default) keeps it, `rollback` takes it back. */
  onFailure: rolloutOnFailureSchema.optional(),
  /** With `together`: how long a verified release waits for those of the other targets, in seconds. Default 3600. */
  waitSeconds: z.number().positive().max(86_400).optional(),
}))
export type RolloutPlan = z.infer<typeof rolloutPlanSchema>

export interface RolloutOptions extends RolloutPlan, CreateOptions {}

/** What became of one target. */
export const rolloutTargetSchema = strictObject(() => ({
  target: z.string(),
  deploymentId: z.string().nullable(),
  /** `not-begun`: nothing of it was touched. */
  status: z.enum([...statusSchema.options, 'not-begun']),
  /** Of its failure. */
  code: z.enum(allErrorCodes).nullable(),
  /** Where it was taken back: by the attempt itself, or by another one, which is named. */
  rollback: strictObject(() => ({
    outcome: z.enum(['restored', 'nothing-to-restore', 'failed']),
    deploymentId: z.string().nullable(),
  })).nullable(),
}))
export type RolloutTarget = z.infer<typeof rolloutTargetSchema>

export const rolloutSchema = strictObject(() => ({
  id: z.string(),
  resourceId: z.string(),
  /** `succeeded`: every target has it. Null: it is under way (`showRollout` alone). */
  status: z.enum(['succeeded', 'failed', 'canceled']).nullable(),
  /** In the order of the request. */
  targets: z.array(rolloutTargetSchema),
  /** Of the target that failed first, with what to do; null where it was canceled. */
  failure: strictObject(() => ({
    target: z.string(),
    deploymentId: z.string().nullable(),
    code: z.enum(allErrorCodes),
    message: z.string(),
    recoveryHint: z.string(),
  })).nullable(),
}))
export type Rollout = z.infer<typeof rolloutSchema>

/** A running rollout. */
export interface RolloutHandle {
  readonly id: string
  /** The attempts so far, in the order of their beginning. */
  readonly deployments: readonly { target: string; deploymentId: string }[]
  /** What became of every target, when each attempt has ended; rejects only where the store stays away. */
  readonly done: Promise<Rollout>
}
