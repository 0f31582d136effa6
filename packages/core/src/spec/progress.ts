import { z } from 'zod'
import type { JsonObject } from './json.js'
import { strictObject } from './schema.js'

/**
 * How far a part of a step is: an instruction of a Dockerfile, an image that is fetched. An event of the type `log` carries it as
 * `data.progress`, beside the same in words. Each part is `started` once and then `succeeded` or `failed` once; `running` comes between.
 */
export const progressSchema = strictObject(() => ({
  /** The same in all that is told of one part, and of no other part of the step. */
  id: z.string(),
  /** What it does, as its maker writes it: `RUN npm ci`. */
  name: z.string(),
  status: z.enum(['started', 'running', 'succeeded', 'failed']),
  /** The group that the numbers count in: a stage of a Dockerfile. */
  stage: z.string().optional(),
  /** From 1. */
  index: z.number().int().min(1).optional(),
  total: z.number().int().min(1).optional(),
  /** It succeeded without being done again. */
  cached: z.boolean().optional(),
  /** How long it took, where it ended. */
  milliseconds: z.number().int().min(0).optional(),
  /** Of what is known to be done, while it runs. */
  percent: z.number().int().min(0).max(100).optional(),
}))
export type Progress = z.infer<typeof progressSchema>

/** What an event's `data` tells of progress; undefined: nothing. */
export const progressOf = ({ progress }: JsonObject): Progress | undefined =>
  progress === undefined ? undefined : progressSchema.safeParse(progress).data
