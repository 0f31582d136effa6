import { z } from 'zod'
import type { ErrorJson } from './errors.js'
import { jsonObjectSchema } from './json.js'
import { phaseSchema, stepSchema } from './phases.js'
import { strictObject } from './schema.js'

export const eventTypeSchema = z.enum([
  'deployment-accepted',
  'deployment-finished',
  'phase-started',
  'phase-succeeded',
  'phase-failed',
  'step-started',
  'step-succeeded',
  'step-failed',
  'check-observed',
  'traffic-promoted',
  'traffic-restored',
  'release-drained',
  'evidence-captured',
  'lease-lost',
  'warning',
  'log',
])
export type EventType = z.infer<typeof eventTypeSchema>

export const levelSchema = z.enum(['debug', 'info', 'warn', 'error'])

/** An event before the store gave it its sequence. */
export const newEventSchema = strictObject(() => ({
  type: eventTypeSchema,
  /** ISO 8601, UTC. For people: the order is told by `sequence` alone. */
  at: z.string(),
  phase: phaseSchema.optional(),
  step: stepSchema.optional(),
  level: levelSchema.optional(),
  /** At most 16 KiB; a longer log line is cut, and `data.truncated` says so. */
  message: z.string().optional(),
  data: jsonObjectSchema,
}))
export type NewEvent = z.infer<typeof newEventSchema>

export const deploymentEventSchema = strictObject(() => ({
  ...newEventSchema.shape,
  deploymentId: z.string(),
  /** Given by the store: 1-based and without holes in each deployment. */
  sequence: z.number().int().min(1),
}))
export type DeploymentEvent = z.infer<typeof deploymentEventSchema>

/** The cursor after this event: the same in every process and after any restart. Opaque to users; exclusive when given back. */
export const cursorOf = (sequence: number): string => String(sequence)

/** A cursor as it comes from outside. */
export const cursorSchema = z.string().regex(/^(?:0|[1-9]\d{0,14})$/, 'a cursor that an envelope carried')

/** What `deployments.events` yields. Nothing follows `closed` or `error`. */
export type Envelope =
  | { kind: 'event'; cursor: string; event: DeploymentEvent }
  | { kind: 'heartbeat'; at: string; cursor: string }
  | {
      kind: 'gap'
      from: string
      to: string
      reason: 'pruned' | 'slow-consumer' | 'discontinuity'
      recommendedAction: 'reopen' | 'show-deployment'
    }
  | { kind: 'closed'; reason: 'completed' | 'aborted' | 'idle-timeout' | 'source-ended'; cursor: string }
  | { kind: 'error'; error: ErrorJson }

export const maxLogLineBytes = 16 * 1024
export const maxStepLogBytes = 10 * 1024 * 1024
