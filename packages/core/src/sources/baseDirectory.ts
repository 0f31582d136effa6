import { AppaloftError } from '../spec/errors.js'
import { globTree } from '../spec/glob.js'
import type { SourceTree } from '../spec/source.js'
import { isNormal, normalise } from './paths.js'

/** The tree below a directory of another one: nothing outside that directory is visible through it. */
export function subTree(tree: SourceTree, baseDirectory: string): SourceTree {
  const base = normalise(baseDirectory)
  if (base === '') return tree
  // Null: the path leaves the directory. A base that leaves its own tree holds nothing at all.
  const inside = (path: string): string | null => {
    if (base !== null && isNormal(path)) return `${base}/${path.endsWith('/') ? path.slice(0, -1) : path}`
    const rest = normalise(path)
    return base === null || rest === null ? null : rest === '' ? base : `${base}/${rest}`
  }
  const below: SourceTree = {
    async has(path) {
      const whole = inside(path)
      const directory = path.endsWith('/') || (!isNormal(path) && normalise(path) === '')
      return whole !== null && tree.has(directory ? `${whole}/` : whole)
    },
    async readText(path, options) {
      const whole = inside(path)
      return whole === null ? null : tree.readText(whole, options)
    },
    async list(directory = '.') {
      const whole = inside(directory)
      return whole === null ? [] : tree.list(whole)
    },
    glob: (pattern, options) => globTree(below, pattern, options),
  }
  return below
}

/**
 * Checks an explicit base directory: the normalised relative path, `.` for the root.
 * Errors: `base-directory-escapes-source`, `base-directory-not-found`.
 */
export async function resolveBaseDirectory(tree: SourceTree, baseDirectory: string): Promise<string> {
  const path = normalise(baseDirectory)
  if (path === null) {
    throw new AppaloftError('base-directory-escapes-source', {
      phase: 'detect',
      message: `The base directory ${JSON.stringify(baseDirectory)} lies outside the source.`,
      details: await meant(tree, baseDirectory),
    })
  }
  if (path === '') return '.'
  if (path.includes('\0') || !(await tree.has(`${path}/`))) {
    throw new AppaloftError('base-directory-not-found', {
      phase: 'detect',
      message: `The source has no directory ${JSON.stringify(path)}.`,
      details: await meant(tree, path),
    })
  }
  return path
}

/** The directory that may have been meant: of the same name in another case or elsewhere near the root. */
async function meant(tree: SourceTree, path: string): Promise<{ meant?: string }> {
  const wanted = path.replace(/\/+$/, '').split('/').at(-1)?.toLowerCase()
  const below = async (directory: string) =>
    (await tree.list(directory)).flatMap(({ name, type }) =>
      type === 'directory' ? [directory === '.' ? name : `${directory}/${name}`] : [],
    )
  const near = (await below('.')).slice(0, 100)
  for (const one of [...near, ...(await Promise.all(near.map(below))).flat()]) {
    if (one.split('/').at(-1)?.toLowerCase() === wanted) return { meant: one }
  }
  return {}
}
