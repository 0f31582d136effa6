import { join, posix } from 'node:path'
import { globTree } from '../spec/glob.js'
import type { SourceTree, TreeEntry } from '../spec/source.js'
import { readStart } from './files.js'
import { follow, indexOf, type Manifest, type Node } from './manifest.js'
import { byCodeUnits, isNormal } from './paths.js'

/** Characters of files that are kept once they were read. */
const mostKept = 4 * 1024 * 1024

const toEntry = (node: Node): TreeEntry => {
  const name = posix.basename(node.path)
  return node.type === 'file' ? { name, type: 'file', size: node.size } : { name, type: node.type }
}

/**
 * A folder as its manifest describes it. What exists and where links lead is read from the manifest alone, so that planners see exactly
 * what the copy will hold: neither ignored files nor what appeared since. Only contents come from the disk. `root` is a realpath.
 */
export function manifestTree(root: string, manifest: Manifest): SourceTree {
  const nodes = indexOf(manifest.entries)
  const children = new Map<string, TreeEntry[]>()
  for (const [path, node] of nodes) {
    if (node.type === 'directory' && !children.has(path)) children.set(path, [])
    if (path === '') continue
    const parent = posix.dirname(path) === '.' ? '' : posix.dirname(path)
    const siblings = children.get(parent)
    if (siblings) siblings.push(toEntry(node))
    else children.set(parent, [toEntry(node)])
  }
  for (const entries of children.values()) entries.sort((a, b) => byCodeUnits(a.name, b.name))

  const linked = manifest.entries.some(({ type }) => type === 'symlink')
  const at = (path: string): Node | null => {
    if (isNormal(path)) {
      const node = nodes.get(path.endsWith('/') ? path.slice(0, -1) : path)
      // Nothing below a link is in the manifest under the link's own path: what is found is what the path leads to.
      if (node !== undefined && node.type !== 'symlink') return node
      if (node === undefined && !linked) return null
    }
    const node = follow(nodes, path)
    return typeof node === 'string' ? null : node
  }
  // A tree lives for one plan, in which several planners read the same few files again and again.
  const texts = new Map<string, string>()
  let kept = 0
  const tree: SourceTree = {
    async has(path) {
      return at(path)?.type === (path.endsWith('/') ? 'directory' : 'file')
    },
    async readText(path, { maxBytes = 1024 * 1024 } = {}) {
      const node = at(path)
      if (node?.type !== 'file') return null
      const key = `${maxBytes} ${node.path}`
      const known = texts.get(key)
      if (known !== undefined) return known
      const text = readStart(join(root, node.path), maxBytes)
      kept += text?.length ?? 0
      if (text !== null && kept <= mostKept) texts.set(key, text)
      return text
    },
    async list(directory = '.') {
      const node = at(directory)
      return node?.type === 'directory' ? [...(children.get(node.path) ?? [])] : []
    },
    glob: (pattern, options) => globTree(tree, pattern, options),
  }
  return tree
}
