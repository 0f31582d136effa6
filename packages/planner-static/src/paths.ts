/** A path of the base directory inside a directory of it. */
export const within = (directory: string, path: string): string => (directory === '.' ? path : `${directory}/${path}`)

/** A text for evidence: bounded. */
export const bounded = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

/** A relative directory without `.`, `..` and doubled slashes; `.` for the base itself, null where it is absolute or leaves it. */
export function directoryOf(path: string): string | null {
  if (path.startsWith('/') || path.includes('\0')) return null
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return null
  }
  return parts.length === 0 ? '.' : parts.join('/')
}
