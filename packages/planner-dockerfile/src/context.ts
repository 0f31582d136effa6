import type { SourceTree } from '@appaloft/core/spec'
import type { Use } from './copies.js'
import { type Ignore, readIgnore, staysIn } from './ignore.js'
import { limits } from './options.js'
import { parentOf, within } from './paths.js'

/** A use whose path the build context does not hold. */
export interface Missing {
  use: Use
  /** The pattern and its file, where a .dockerignore keeps the path out. */
  ignoredBy?: { file: string; pattern: string }
}

export interface Context {
  /** Relative to the source's root. */
  directory: string
  missing: Missing[]
  /** It is another than the base directory. */
  moved: boolean
  /** The .dockerignore that holds, relative to the source's root. */
  ignoreFile?: string
}

/**
 * The folder that the build gets: the base directory, unless the Dockerfile takes files that are not there but all lie in its own
 * folder or in the source's root.
 */
export async function findContext(
  root: SourceTree,
  places: { baseDirectory: string; dockerfile: string },
  uses: readonly Use[],
): Promise<Context> {
  const directories = new Set([places.baseDirectory, parentOf(places.dockerfile), '.'])
  let first: Context | null = null
  for (const directory of directories) {
    const context = await contextAt(root, directory, places.dockerfile, uses)
    if (context.missing.length === 0) return { ...context, moved: directory !== places.baseDirectory }
    first ??= context
  }
  return first!
}

async function contextAt(
  root: SourceTree,
  directory: string,
  dockerfile: string,
  uses: readonly Use[],
): Promise<Context> {
  const rules = await ignoreFor(root, directory, dockerfile)
  const missing: Missing[] = []
  const known = new Map<string, Missing | null>()
  for (const use of uses) {
    if (!known.has(use.path)) known.set(use.path, await missingOf(root, directory, use, rules))
    const found = known.get(use.path)
    if (found) missing.push({ ...found, use })
  }
  return { directory, missing, moved: false, ...(rules === null ? {} : { ignoreFile: rules.file }) }
}

type Rules = { file: string; ignore: Ignore } | null

/** The one named after the Dockerfile, which then holds alone, else that of the build context. */
async function ignoreFor(root: SourceTree, directory: string, dockerfile: string): Promise<Rules> {
  for (const file of [`${dockerfile}.dockerignore`, within(directory, '.dockerignore')]) {
    const text = await root.readText(file, { maxBytes: limits.fileBytes })
    if (text !== null) return { file, ignore: readIgnore(text) }
  }
  return null
}

async function missingOf(root: SourceTree, directory: string, use: Use, rules: Rules): Promise<Missing | null> {
  if (use.path === '') return null
  const path = within(directory, use.path)
  const folder = await root.has(`${path}/`)
  if (!folder && !(await root.has(path)) && !(await isEntry(root, path))) return { use }
  const pattern = rules?.ignore.by(use.path) ?? null
  if (rules === null || pattern === null) return null
  if (folder && rules.ignore.exceptions) {
    const tree = { list: (at?: string) => root.list(within(directory, at ?? '.')) }
    if (await staysIn(tree, use.path, rules.ignore)) return null
  }
  return { use, ignoredBy: { file: rules.file, pattern } }
}

/** A link is no file of the tree, and is copied all the same. */
async function isEntry(root: SourceTree, path: string): Promise<boolean> {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return (await root.list(parentOf(path))).some((entry) => entry.name === name)
}
