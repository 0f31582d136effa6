import { z } from 'zod'
import { allErrorCodes } from './codes.js'
import { evidenceSchema } from './reasons.js'
import { strictObject } from './schema.js'

export const checkNames = ['process', 'health', 'route', 'access'] as const
export type CheckName = (typeof checkNames)[number]

/** One of the four checks of `verify`. "Cannot observe" is `unknown`, never stopped or healthy. */
export const checkSchema = strictObject(() => ({
  status: z.enum(['passed', 'failed', 'skipped', 'unknown']),
  code: z.enum(allErrorCodes).optional(),
  /** How often it was asked. */
  attempts: z.number().int(),
  evidence: z.array(evidenceSchema),
  observedAt: z.string(),
}))
export type Check = z.infer<typeof checkSchema>

export const checksSchema = strictObject(() => ({
  process: checkSchema.optional(),
  health: checkSchema.optional(),
  route: checkSchema.optional(),
  access: checkSchema.optional(),
}))
export type Checks = z.infer<typeof checksSchema>
