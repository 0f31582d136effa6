import { relativeParts } from '@appaloft/core/spec'

/** A path inside a directory; `.` is the directory that both are relative to. */
export const within = (directory: string, path: string): string =>
  directory === '.' ? path : path === '.' ? directory : `${directory}/${path}`

/** The directory that a path lies in; `.` for one without a slash. */
export const parentOf = (path: string): string => {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? '.' : path.slice(0, slash)
}

/** The path without `.`, `..` and doubled slashes; null where it is absolute, leaves the source or is the source itself. */
export function normal(path: string): string | null {
  const parts = path.includes('\0') ? null : relativeParts(path)
  return parts === null || parts.length === 0 ? null : parts.join('/')
}
