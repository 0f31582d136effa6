/** The parts of a relative path without `.`, `..` and doubled slashes, none for the root itself; null where it is absolute or leaves the root at any point. */
export function relativeParts(path: string): string[] | null {
  if (path.startsWith('/')) return null
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return null
  }
  return parts
}
