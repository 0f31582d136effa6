import { AppaloftError } from '@appaloft/core/spec'
import { directoryOf } from './paths.js'

export interface StaticSiteOptions {
  /**
   * Directories that are looked into for an index.html, best first, relative to the base directory.
   * Default `.`, `public`, `dist`, `_site`, `build`, `out`, `www`, `htdocs`, `public_html`, `docs`.
   */
  publishDirectories?: readonly string[]
}

export interface Settings {
  publishDirectories: readonly string[]
}

const defaults = ['.', 'public', 'dist', '_site', 'build', 'out', 'www', 'htdocs', 'public_html', 'docs']

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
