import { globTree, type SourceTree, type TreeEntry } from '@appaloft/core/spec'

const defaultMaxBytes = 1024 * 1024
const byName = (a: TreeEntry, b: TreeEntry): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** The path without `.` and `..`; the empty string for the root, null where it would leave the tree. */
function resolve(path: string): string | null {
  if (path.startsWith('/') || path.includes('\0')) return null
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return null
  }
  return parts.join('/')
}

/**
 * A source tree of files that exist only in memory: path → text. Directories are those that the paths imply; a path with a trailing `/`
 * is an empty directory. There are no symbolic links.
 *
 * @throws TypeError for a path that is absolute or would leave the tree, and for a file that is also a directory.
 */
export function memoryTree(files: Record<string, string>): SourceTree {
  const texts = new Map<string, Buffer>()
  const directories = new Map<string, Map<string, TreeEntry>>([['', new Map()]])

  const enter = (path: string, entry: Omit<TreeEntry, 'name'>): void => {
    const cut = path.lastIndexOf('/')
    const parent = cut === -1 ? '' : path.slice(0, cut)
    if (!directories.has(parent)) makeDirectory(parent)
    directories.get(parent)?.set(path.slice(cut + 1), { name: path.slice(cut + 1), ...entry })
  }
  const makeDirectory = (path: string): void => {
    if (directories.has(path)) return
    directories.set(path, new Map())
    enter(path, { type: 'directory' })
  }

  for (const [given, text] of Object.entries(files)) {
    const path = resolve(given)
    if (path === null || path === '') throw new TypeError(`not a path inside the tree: ${given}`)
    if (given.endsWith('/')) makeDirectory(path)
    else {
      const bytes = Buffer.from(text)
      texts.set(path, bytes)
      enter(path, { type: 'file', size: bytes.length })
    }
  }
  for (const path of texts.keys()) if (directories.has(path)) throw new TypeError(`both file and directory: ${path}`)

  const tree: Pick<SourceTree, 'has' | 'list'> = {
    has: async (path) => {
      const at = resolve(path)
      if (at === null) return false
      return path.endsWith('/') ? directories.has(at) : texts.has(at)
    },
    list: async (directory = '.') => {
      const at = resolve(directory)
      const entries = at === null ? undefined : directories.get(at)
      return entries === undefined ? [] : [...entries.values()].map((entry) => ({ ...entry })).sort(byName)
    },
  }
  return {
    ...tree,
    readText: async (path, { maxBytes = defaultMaxBytes } = {}) => {
      const at = resolve(path)
      const bytes = at === null || path.endsWith('/') ? undefined : texts.get(at)
      // TextDecoder drops the byte-order mark; as a stream, it leaves out a character that is cut at the end.
      return bytes === undefined ? null : new TextDecoder().decode(bytes.subarray(0, maxBytes), { stream: true })
    },
    glob: (pattern, options) => globTree(tree, pattern, options),
  }
}
