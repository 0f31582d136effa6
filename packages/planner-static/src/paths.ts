import { relativeParts } from '@appaloft/core/spec'

/** A path of the base directory inside a directory of it. */
export const within = (directory: string, path: string): string => (directory === '.' ? path : `${directory}/${path}`)

/** A text for evidence: bounded. */
export const bounded = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

/** A relative directory without `.`, `..` and doubled slashes; `.` for the base itself, null where it is absolute or leaves it. */
export function directoryOf(path: string): string | null {
  const parts = path.includes('\0') ? null : relativeParts(path)
  return parts?.length === 0 ? '.' : (parts?.join('/') ?? null)
}
