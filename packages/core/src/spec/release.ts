import { z } from 'zod'
import { jsonObjectSchema } from './json.js'
import { planSchema } from './plan.js'
import { strictObject } from './schema.js'

/** What one deployment built and can be started again: artifact and run settings as one. */
export const releaseRecordSchema = strictObject(() => ({
  id: z.string(),
  resourceId: z.string(),
  target: z.string(),
  /** The attempt that built it. */
  deploymentId: z.string(),
  /** Environment, routes, health and limits belong to it: a rollback restores them together. */
  plan: planSchema,
  planFingerprint: z.string(),
  /** The target's own description of what it built. */
  artifact: jsonObjectSchema,
  /** `candidate` until its first promotion, then `retained` until retention lets go. */
  state: z.enum(['candidate', 'retained', 'discarded']),
  createdAt: z.string(),
  promotedAt: z.string().optional(),
  /** The order of the store at its last promotion: the newest is live, the next is what `rollback` goes back to. */
  promotedOrder: z.number().int().optional(),
  /** It lies with the records of its machine, too. */
  recorded: z.literal(true).optional(),
}))
export type ReleaseRecord = z.infer<typeof releaseRecordSchema>
