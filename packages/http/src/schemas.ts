import {
  allErrorCodes,
  categorySchema,
  deploymentEventSchema,
  deploymentSchema,
  jsonObjectSchema,
  liveRefSchema,
  phaseSchema,
  requestSchema,
  resourceIdSchema,
  resourceRecordSchema,
  rolloutPlanSchema,
  rolloutRequestSchema,
  rolloutTargetSchema,
  statusSchema,
} from '@appaloft/core/spec'
import { z } from 'zod'

// Answers, as far as core has no schema of them.

export const errorSchema = z.strictObject({
  code: z.enum(allErrorCodes),
  phase: phaseSchema.optional(),
  category: categorySchema,
  message: z.string(),
  retriable: z.boolean(),
  details: jsonObjectSchema,
  recoveryHint: z.string(),
})

export const problemSchema = errorSchema.extend({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  docs: z.string(),
})

export const envelopeSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('event'), cursor: z.string(), event: deploymentEventSchema }),
  z.strictObject({ kind: z.literal('heartbeat'), at: z.string(), cursor: z.string() }),
  z.strictObject({
    kind: z.literal('gap'),
    from: z.string(),
    to: z.string(),
    reason: z.enum(['pruned', 'slow-consumer', 'discontinuity']),
    recommendedAction: z.enum(['reopen', 'show-deployment']),
  }),
  z.strictObject({
    kind: z.literal('closed'),
    reason: z.enum(['completed', 'aborted', 'idle-timeout', 'source-ended']),
    cursor: z.string(),
  }),
  z.strictObject({ kind: z.literal('error'), error: errorSchema }),
])

/** The answer to a verb: the attempt is recorded, and runs. */
export const acceptedSchema = z.strictObject({
  id: z.string(),
  /** Paths on this server. */
  url: z.string(),
  eventsUrl: z.string(),
})

/** The attempts of the first batch are recorded, and run; of a cancel, the request. */
export const acceptedRolloutSchema = z.strictObject({
  id: z.string(),
  url: z.string(),
  targets: z.array(rolloutTargetSchema).optional(),
})

export const pageSchema = z.strictObject({
  items: z.array(deploymentSchema),
  /** For the next page; null: this was the last one. A page may be shorter than its limit, or empty, and not be the last. */
  cursor: z.string().nullable(),
})

/** Desired against observed. What the target tells of its instances is left as it is. */
export const resourceStatusSchema = z.strictObject({
  resourceId: z.string(),
  target: z.string(),
  stateVersion: z.number().int(),
  desired: liveRefSchema.nullable(),
  observed: z.strictObject({
    live: liveRefSchema.nullable(),
    state: z.string(),
    running: jsonObjectSchema.nullable(),
  }),
  urls: z.array(z.string()),
  drift: z.array(z.strictObject({ code: z.string(), message: z.string() })),
  activeDeploymentId: z.string().nullable(),
})

/** The resource as it is defined, secrets by name and version, and how it is. The status degrades alone: unknown, or null, and `statusError` says why. */
export const resourceSchema = resourceRecordSchema.extend({
  status: resourceStatusSchema.nullable(),
  statusError: errorSchema.nullable(),
})

// Bodies.

const { shape } = requestSchema

/** The request of the SDK. */
export const planBodySchema = requestSchema
/** Without `target: null`, which plans for no target. */
export const createBodySchema = requestSchema.extend({ target: z.string().min(1).optional() })
export const retryBodySchema = z.strictObject({
  stateVersion: shape.stateVersion,
  /** Today's values of secrets, instead of the versions of the snapshot. */
  secrets: z.literal('current').optional(),
})
export const rollbackBodySchema = retryBodySchema.extend({
  /** A kept release; without it the one live before the present one. */
  to: z.string().min(1).max(64).optional(),
})
export const redeployBodySchema = z.strictObject({
  /** Without any cache. */
  force: shape.force,
  target: z.string().min(1).optional(),
  stateVersion: shape.stateVersion,
})
export const cancelBodySchema = z.strictObject({})
/** The request and the options of the SDK in one. */
export const rolloutBodySchema = z.strictObject({ ...rolloutRequestSchema.shape, ...rolloutPlanSchema.shape })
export const removeBodySchema = z.strictObject({
  /** Remove its volumes as well. Default false. */
  volumes: z.boolean().optional(),
})

// Queries: texts, turned into what they mean.

const flag = z.enum(['true', 'false']).transform((one) => one === 'true')
const number = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most))

export const noQuerySchema = z.strictObject({})
export const listQuerySchema = (maxPageItems: number) =>
  z.strictObject({
    resourceId: resourceIdSchema.optional(),
    /** Given once for each status. */
    status: z.array(statusSchema).max(20).optional(),
    limit: number(1, maxPageItems).optional(),
    cursor: z.string().min(1).max(255).optional(),
  })
export const eventsQuerySchema = z.strictObject({
  cursor: z.string().min(1).max(255).optional(),
  follow: flag.optional(),
  /** 0: none. */
  heartbeatSeconds: number(0, 3600).optional(),
  idleTimeoutSeconds: number(1, 86_400).optional(),
})
export const removeQuerySchema = z.strictObject({ volumes: flag.optional() })
export const resourceQuerySchema = z.strictObject({ target: z.string().min(1).max(255).optional() })
