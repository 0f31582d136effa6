import { AppaloftError } from '@appaloft/core/spec'

export interface StaticSiteOptions {
  /**
   * Directories that are looked into for an index.html, best first, relative to the base directory.
   * Default `.`, `public`, `dist`, `_site`.
   */
  publishDirectories?: readonly string[]
}

export interface Settings {
  publishDirectories: readonly string[]
}

const defaults = ['.', 'public', 'dist', '_site']

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

/** Fills the defaults in. Errors: `invalid-composition` for a directory outside. */
export function settingsOf({ publishDirectories = defaults }: StaticSiteOptions): Settings {
  const directories = publishDirectories.map((path) => {
    const directory = directoryOf(path)
    if (directory !== null) return directory
    throw new AppaloftError('invalid-composition', {
      message: `staticSite: publishDirectories must hold relative directories, not ${JSON.stringify(path)}.`,
    })
  })
  return { publishDirectories: [...new Set(directories)] }
}
