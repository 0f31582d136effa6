import { realpath } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { globTree } from '../spec/glob.js'
import type { SourceTree, TreeEntry } from '../spec/source.js'
import { openRegular } from './files.js'
import { follow, indexOf, type Manifest, type Node } from './manifest.js'
import { byCodeUnits } from './paths.js'

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

  const at = (path: string): Node | null => {
    const node = follow(nodes, path)
    return typeof node === 'string' ? null : node
  }
  const tree: SourceTree = {
    async has(path) {
      return at(path)?.type === (path.endsWith('/') ? 'directory' : 'file')
    },
    async readText(path, { maxBytes = 1024 * 1024 } = {}) {
      const node = at(path)
      return node?.type === 'file' ? readStart(root, node.path, maxBytes) : null
    },
    async list(directory = '.') {
      const node = at(directory)
      return node?.type === 'directory' ? [...(children.get(node.path) ?? [])] : []
    },
    glob: (pattern, options) => globTree(tree, pattern, options),
  }
  return tree
}

/** The first bytes as text; null where there is no regular file any more, or a folder on the way became a link. */
async function readStart(root: string, path: string, maxBytes: number): Promise<string | null> {
  const absolute = join(root, path)
  const parent = join(absolute, '..')
  try {
    if ((await realpath(parent)) !== parent) return null
    const file = await openRegular(absolute, path)
    try {
      const buffer = Buffer.alloc(Math.min(maxBytes, (await file.stat()).size))
      let length = 0
      while (length < buffer.length) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, length)
        if (bytesRead === 0) break
        length += bytesRead
      }
      // As a stream: a character cut at the end is left out instead of turned into a replacement character.
      return new TextDecoder('utf-8').decode(buffer.subarray(0, length), { stream: true })
    } finally {
      await file.close()
    }
  } catch {
    return null
  }
}
