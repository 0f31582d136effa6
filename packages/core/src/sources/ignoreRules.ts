import type { Ignore } from 'ignore'

/** Never part of a source, whatever the rules say: version control, installed dependencies, files of the desktop. */
export const alwaysIgnored: ReadonlySet<string> = new Set([
  ...['.git', '.hg', '.svn', '.bzr', '.jj', 'CVS', '_darcs'],
  ...['node_modules', 'bower_components', 'jspm_packages', '.pnpm-store', '.venv', '__pycache__'],
  ...['.appaloft', '.DS_Store'],
])

/** In this order: the later one wins, so that `.appaloftignore` can bring back (`!dist/`) what git ignores. */
export const ignoreFiles = ['.gitignore', '.appaloftignore'] as const

/**
 * The rules that hold in a directory: its own, then those of the directories above. As in git, the nearest directory with a word
 * on a path decides, and nothing inside an ignored directory comes back. Rules outside the source (a user's global ones) do not count:
 * the same tree must give the same manifest everywhere.
 */
export interface IgnoreRules {
  /** The directory that the rules were written for, relative to the root, '' for the root itself. */
  directory: string
  own: Ignore | null
  above: IgnoreRules | null
}

export async function rulesFor(directory: string, texts: readonly string[], above: IgnoreRules | null) {
  if (texts.length === 0 && above !== null) return above
  if (texts.length === 0) return { directory, own: null, above }
  const { default: ignore } = await import('ignore')
  return { directory, own: ignore({ ignorecase: false }).add(texts.join('\n')), above }
}

/** Is an entry of the source ignored? Asked from the top down, so that no directory above it is. */
export function isIgnored(rules: IgnoreRules, path: string, directory: boolean): boolean {
  if (alwaysIgnored.has(path.slice(path.lastIndexOf('/') + 1))) return true
  for (let level: IgnoreRules | null = rules; level !== null; level = level.above) {
    if (level.own === null) continue
    const relative = level.directory === '' ? path : path.slice(level.directory.length + 1)
    const parent = relative.slice(0, relative.lastIndexOf('/') + 1)
    const { ignored, unignored } = level.own.test(directory ? `${relative}/` : relative)
    if (unignored) return false
    // The library also says "ignored" where a directory above is. That directory was brought back by a nearer file, so that says nothing.
    // What is lost: a rule with `**` that names both. The file is then kept; git would ignore it.
    if (ignored && (parent === '' || !level.own.test(parent).ignored)) return true
  }
  return false
}
