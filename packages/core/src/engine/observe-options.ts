import { z } from 'zod'
import type { EventsOptions, LogsOptions } from '../spec/api.js'
import { AppaloftError } from '../spec/errors.js'
import { cursorSchema } from '../spec/events.js'
import { parseInput } from './input.js'

const seconds = z.number().min(0)
const signal = z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')

const eventsOptionsSchema = z.strictObject({
  cursor: z.string().optional(),
  follow: z.boolean().optional(),
  heartbeatSeconds: seconds.optional(),
  idleTimeoutSeconds: seconds.optional(),
  signal: signal.optional(),
})

const logsOptionsSchema = z.strictObject({
  tail: z.number().int().min(0).optional(),
  follow: z.boolean().optional(),
  signal: signal.optional(),
})

export interface Observed {
  /** The sequence of the last event that is known. */
  after: number
  follow: boolean
  /** 0: none. */
  heartbeatMs: number
  /** 0: never. */
  idleMs: number
  signal: AbortSignal | undefined
}

/** `invalid-input`, `cursor-invalid`. */
export function eventsOptions(input: EventsOptions): Observed {
  const { cursor, follow, heartbeatSeconds, idleTimeoutSeconds, signal } = parseInput(
    eventsOptionsSchema,
    input,
    'options',
  )
  return {
    after: sequenceOf(cursor),
    follow: follow ?? false,
    heartbeatMs: (heartbeatSeconds ?? 15) * 1000,
    idleMs: (idleTimeoutSeconds ?? 0) * 1000,
    signal,
  }
}

/** `invalid-input`. */
export const logsOptions = (input: LogsOptions): z.infer<typeof logsOptionsSchema> =>
  parseInput(logsOptionsSchema, input, 'options')

function sequenceOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0
  if (!cursorSchema.safeParse(cursor).success)
    throw new AppaloftError('cursor-invalid', { details: { cursor: cursor.slice(0, 64) } })
  return Number(cursor)
}
