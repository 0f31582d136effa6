import { AppaloftError } from '@appaloft/core/spec'
import type { z } from 'zod'

/** Input as its schema wants it, or `invalid-input` with every path. */
export function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw invalid(
    result.error.issues.slice(0, 100).map((issue) => `${shown(issue.path) || what}: ${bounded(issue.message)}`),
  )
}

export const invalid = (issues: string[]): AppaloftError =>
  new AppaloftError('invalid-input', {
    message: `The request is not valid: ${issues.join('; ')}.`,
    details: { issues },
  })

const shown = (path: PropertyKey[]) => bounded(path.map(String).join('.'))
/** Names and messages repeat what was sent: an answer stays small. */
const bounded = (text: string) => (text.length > 300 ? `${text.slice(0, 300)}…` : text)

/** The parameters of a query as an object. A name that comes twice is refused, but for those in `lists`. */
export function queryOf(url: string, lists: readonly string[]): Record<string, string | string[]> {
  const at = url.indexOf('?')
  const found = new Map<string, string | string[]>()
  const issues: string[] = []
  const search = at < 0 ? '' : url.slice(at).replace(/#.*$/s, '')
  for (const [name, value] of new URLSearchParams(search)) {
    const known = found.get(name)
    if (lists.includes(name)) found.set(name, [...(Array.isArray(known) ? known : []), value])
    else if (known === undefined) found.set(name, value)
    else issues.push(`${bounded(name)}: given more than once`)
  }
  if (issues.length > 0) throw invalid([...new Set(issues)])
  return Object.fromEntries(found)
}
