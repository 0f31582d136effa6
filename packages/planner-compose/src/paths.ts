import { isOpaque } from './variables.js'

/** Joins two relative paths and takes `.` and `..` out; what leads above the start keeps its `..`. The start itself is `.`. */
export function join(directory: string, path: string): string {
  const parts: string[] = []
  for (const part of `${directory}/${path}`.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return parts.length === 0 ? '.' : parts.join('/')
}

export const directoryOf = (path: string): string => join(path, '..')

/** Absolute, in the home directory, on a Windows drive, or not known before the target knows the variable. */
export const isFixed = (path: string): boolean => /^(?:[/~\\]|[A-Za-z]:)/.test(path) || isOpaque(path)

/**
 * A path of a Compose file from the source's root: `./api`, and `../x` where it leads out of the source. Fixed paths stay as they are, so that
 * a path from here is never mistaken for one.
 */
export function fromRoot(directory: string, path: string): string {
  if (isFixed(path)) return path
  const joined = join(directory, path)
  return joined === '.' || joined.startsWith('..') ? joined : `./${joined}`
}

/** The path inside the source of what `fromRoot` gave; null outside, and where it is not known. */
export const inside = (path: string): string | null =>
  path === '.' ? '.' : path.startsWith('./') ? path.slice(2) : null

/** A build context that is not a directory of the source: a repository, an archive, another image or service. */
export const isRemote = (context: string): boolean =>
  /^(?:[a-z][a-z0-9+.-]*:\/\/|git@|github\.com\/|[\w.-]+@[\w.-]+:|service:|target:)/i.test(context)
