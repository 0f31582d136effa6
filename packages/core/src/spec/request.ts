import { z } from 'zod'
import { resourceIdSchema } from './ids.js'
import { resourceDefinitionSchema } from './profiles.js'
import { strictObject } from './schema.js'

/** What `plan` and `create` take. Unknown fields are refused with their paths. */
export const requestSchema = strictObject(() => ({
  /** The id of a defined resource, or a whole definition (which defines it). */
  resource: z.union([resourceIdSchema, resourceDefinitionSchema]),
  /** A target's key; the only target is the default. Null (`plan` alone): no target filters. */
  target: z.string().min(1).nullable().optional(),
  /** Instead of the source's own, for a git repository. */
  gitRef: z.string().min(1).optional(),
  commitSha: z
    .string()
    .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'a full commit id in lower-case hex')
    .optional(),
  /** Without any cache (`create`): the trigger becomes `force-redeploy`. */
  force: z.boolean().optional(),
  /** The preview's: refuses with `plan-stale` when anything that decides what will run changed since. */
  fingerprint: z.string().min(1).optional(),
  /** Refuses with `recovery-state-stale` when the resource changed since it was read. */
  stateVersion: z.number().int().optional(),
  /** The same key for the same resource gives the same attempt. */
  idempotencyKey: z.string().min(1).max(255).optional(),
}))
export type DeployRequest = z.infer<typeof requestSchema>
