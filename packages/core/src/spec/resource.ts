import { z } from 'zod'
import { liveRefSchema } from './deployment.js'
import { resourceSnapshotSchema } from './profiles.js'
import { strictObject } from './schema.js'

/** A resource as the store keeps it. */
export const resourceRecordSchema = strictObject(() => ({
  id: z.string(),
  definition: resourceSnapshotSchema,
  /** Names of the variables that `setVariables` set: they outlast a definition that does not name them. */
  variables: z.array(z.string()).optional(),
  /** Counts every change of the resource, its live releases included; a verb that carries an older one is refused. */
  stateVersion: z.number().int(),
  /** By target key: what takes the traffic, by the last recorded promotion. */
  live: z.record(z.string(), liveRefSchema),
  createdAt: z.string(),
  updatedAt: z.string(),
}))
export type ResourceRecord = z.infer<typeof resourceRecordSchema>
