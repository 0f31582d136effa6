import { z } from 'zod'
import { strictObject } from './schema.js'

const count = z.number().int().min(1)

/** How many targets at a time: always so many, or another number in the first batch. */
export const rolloutBatchSchema = z.union([count, strictObject(() => ({ first: count, rest: count }))])
export type RolloutBatch = z.infer<typeof rolloutBatchSchema>

export const rolloutPromoteSchema = z.enum(['each', 'together'])
export const rolloutOnFailureSchema = z.enum(['stop', 'rollback'])

/** What each attempt of a rollout records of it: enough for another engine to bring all of them to one end. */
export const rolloutRefSchema = strictObject(() => ({
  id: z.string(),
  /** In their order. */
  targets: z.array(z.string()),
  batch: rolloutBatchSchema,
  promote: rolloutPromoteSchema,
  onFailure: rolloutOnFailureSchema,
  /** Of an attempt that takes a target back: the one that it undoes. */
  undoes: z.string().optional(),
}))
export type RolloutRef = z.infer<typeof rolloutRefSchema>
