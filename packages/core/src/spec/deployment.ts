import { z } from 'zod'
import { checksSchema } from './checks.js'
import { allErrorCodes } from './codes.js'
import { jsonObjectSchema, jsonSchema } from './json.js'
import { categorySchema, phaseSchema, statusSchema, stepSchema } from './phases.js'
import { planSchema } from './plan.js'
import { resourceSnapshotSchema } from './profiles.js'
import { evidenceSchema, reasonSchema } from './reasons.js'
import { rolloutRefSchema } from './rollout-ref.js'
import { strictObject } from './schema.js'
import { sourceIdentitySchema } from './source.js'

export const triggerSchema = z.enum(['create', 'retry', 'redeploy', 'force-redeploy', 'rollback'])
export type Trigger = z.infer<typeof triggerSchema>

export const failureSchema = strictObject(() => ({
  code: z.enum(allErrorCodes),
  category: categorySchema.optional(),
  phase: phaseSchema,
  step: stepSchema.optional(),
  message: z.string(),
  /** The inputs that decided: the profile field, its (redacted) value, and where it came from. */
  inputs: z.array(
    strictObject(() => ({
      profileField: z.string(),
      value: jsonSchema,
      from: z.enum(['profile', 'planner', 'default']),
      evidence: z.array(evidenceSchema).optional(),
    })),
  ),
  exitCode: z.number().int().optional(),
  lastLogs: z.array(z.string()),
  /** The reason of a blocked plan. */
  reason: reasonSchema.optional(),
  recoveryHint: z.string(),
  at: z.string(),
}))
export type Failure = z.infer<typeof failureSchema>

export const rollbackSchema = strictObject(() => ({
  outcome: z.enum(['restored', 'nothing-to-restore', 'failed']),
  releaseId: z.string().optional(),
  failure: failureSchema.optional(),
}))
export type Rollback = z.infer<typeof rollbackSchema>

/** What is live, or was: an attempt that serves a release. */
export const liveRefSchema = strictObject(() => ({ deploymentId: z.string(), releaseId: z.string() }))
export type LiveRef = z.infer<typeof liveRefSchema>

/** The write-ahead entry: the step that is intended or done, with what its effects need to be found again. */
export const journalEntrySchema = strictObject(() => ({
  step: stepSchema,
  state: z.enum(['intended', 'done', 'failed']),
  data: jsonObjectSchema,
}))
export type JournalEntry = z.infer<typeof journalEntrySchema>

/** A deployment as the store keeps it. The read model is made from it. */
export const deploymentRecordSchema = strictObject(() => ({
  id: z.string(),
  /** Given by the store: the order of creation. "Newer" means greater. */
  order: z.number().int(),
  /** 1, then raised by each change of the record (not by events alone); the store's compare-and-set works on it. */
  version: z.number().int(),
  resourceId: z.string(),
  target: z.string(),
  trigger: triggerSchema,
  status: statusSchema,
  currentPhase: phaseSchema.nullable(),
  request: strictObject(() => ({
    gitRef: z.string().optional(),
    commitSha: z.string().optional(),
    force: z.boolean().optional(),
    fingerprint: z.string().optional(),
    idempotencyKey: z.string().optional(),
    /** Use today's values of secrets instead of the snapshot's versions (`retry`, `rollback`). */
    secrets: z.literal('current').optional(),
    /** The rollout over several targets that began this attempt. */
    rollout: rolloutRefSchema.optional(),
  })),
  /** The resource as it was when the attempt was created. */
  definition: resourceSnapshotSchema,
  sourceIdentity: sourceIdentitySchema.nullable(),
  plan: planSchema.nullable(),
  planFingerprint: z.string().nullable(),
  /** The attempt whose snapshot or release this one uses (`retry`, `rollback`). */
  sourceDeploymentId: z.string().optional(),
  /** The release that this attempt built or restores; null before the build. */
  releaseId: z.string().nullable(),
  /** What was live when this attempt took the lease of its resource; null: nothing. */
  previous: liveRefSchema.nullable(),
  /** The token under which effects are done; null before the lease of resource and target. */
  token: z.number().int().nullable(),
  journal: journalEntrySchema.nullable(),
  promotion: z.enum(['none', 'intended', 'recorded', 'reverted']),
  drain: z.enum(['none', 'running', 'done', 'failed', 'taken-over']),
  checks: checksSchema,
  warnings: z.array(reasonSchema),
  failure: failureSchema.optional(),
  rollback: rollbackSchema.optional(),
  accessUrls: z.array(z.string()),
  cancelRequestedAt: z.string().optional(),
  createdAt: z.string(),
  startedAt: z.string().optional(),
  finishedAt: z.string().optional(),
  supersededBy: z.string().optional(),
  recoveredBy: z.string().optional(),
  /** It ran with another store: the machine told of it. */
  adopted: z.literal(true).optional(),
}))
export type DeploymentRecord = z.infer<typeof deploymentRecordSchema>

export const nextActionSchema = strictObject(() => ({
  verb: z.enum(['retry', 'redeploy', 'rollback', 'cancel', 'events', 'logs', 'diagnostics', 'plan']),
  /** The command line that does it. */
  command: z.string(),
  reason: z.string(),
}))

/** `deployments.show(id)` and `GET /api/deployments/{id}`. A section that cannot be read degrades alone, to null. */
export const deploymentSchema = strictObject(() => ({
  id: z.string(),
  resourceId: z.string(),
  status: statusSchema,
  currentPhase: phaseSchema.nullable(),
  sourceSummary: strictObject(() => ({
    kind: z.string(),
    gitRef: z.string().optional(),
    commitSha: z.string().optional(),
    image: z.string().optional(),
    name: z.string().optional(),
    baseDirectory: z.string(),
  })),
  recoveryHint: z.string().nullable(),
  trigger: triggerSchema,
  target: z.string(),
  release: z
    .strictObject({ id: z.string(), createdAt: z.string(), live: z.boolean(), deploymentId: z.string() })
    .nullable(),
  checks: checksSchema,
  warnings: z.array(reasonSchema),
  failure: failureSchema.nullable(),
  rollback: rollbackSchema.nullable(),
  accessUrls: z.array(z.string()),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  planFingerprint: z.string().nullable(),
  supersededBy: z.string().nullable(),
  recoveredBy: z.string().nullable(),
  sourceDeploymentId: z.string().nullable(),
  /** The rollout over several targets that began this attempt. */
  rolloutId: z.string().nullable(),
  nextActions: z.array(nextActionSchema),
}))
export type Deployment = z.infer<typeof deploymentSchema>
