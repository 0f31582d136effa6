import type { z } from 'zod'
import type { ErrorCode } from '../spec/codes.js'
import { AppaloftError } from '../spec/errors.js'

/** Input as its schema wants it, or `invalid-input` with every path. */
export function parseInput<T>(
  schema: z.ZodType<T>,
  value: unknown,
  what: string,
  code: ErrorCode = 'invalid-input',
): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues.map((issue) => {
    const at = issue.path.map(String).join('.')
    return `${at === '' ? what : at}: ${issue.message}`
  })
  throw new AppaloftError(code, { message: `The ${what} is not valid: ${issues.join('; ')}.`, details: { issues } })
}
