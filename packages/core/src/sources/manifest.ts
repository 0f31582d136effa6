import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { z } from 'zod'
import { strictObject } from '../spec/schema.js'
import { unreadable } from './errors.js'
import { byCodeUnits, quoted } from './paths.js'

export const manifestEntrySchema = z.discriminatedUnion('type', [
  strictObject(() => ({
    type: z.literal('file'),
    path: z.string(),
    /** 0o644 or 0o755: only the executable bit belongs to the content, as in git. */
    mode: z.number().int(),
    size: z.number().int(),
    sha256: z.string(),
  })),
  strictObject(() => ({ type: z.literal('symlink'), path: z.string(), target: z.string() })),
  /** Only where nothing of it is listed: the others follow from the paths. */
  strictObject(() => ({ type: z.literal('directory'), path: z.string() })),
])
export type ManifestEntry = z.infer<typeof manifestEntrySchema>

/** What a source holds. Sorted by path; the digest is over path, type, mode and content, and over nothing else. */
export interface Manifest {
  digest: string
  files: number
  bytes: number
  entries: readonly ManifestEntry[]
}

const line = (entry: ManifestEntry): string => {
  if (entry.type === 'file') return JSON.stringify(['file', entry.path, entry.mode, entry.sha256])
  if (entry.type === 'symlink') return JSON.stringify(['symlink', entry.path, entry.target])
  return JSON.stringify(['directory', entry.path])
}

/** Sorts, checks the links and sums up. Errors: `source-unreadable` for a link that leads out. */
export function toManifest(unsorted: readonly ManifestEntry[]): Manifest {
  const entries = [...unsorted].sort((a, b) => byCodeUnits(a.path, b.path))
  checkLinks(entries)
  const hash = createHash('sha256')
  let files = 0
  let bytes = 0
  for (const entry of entries) {
    hash.update(`${line(entry)}\n`)
    if (entry.type !== 'file') continue
    files += 1
    bytes += entry.size
  }
  return { digest: hash.digest('hex'), files, bytes, entries }
}

/** What is at a path: an entry, or a directory that follows from the entries. */
export type Node = ManifestEntry
export type Nodes = ReadonlyMap<string, Node>

/** All entries by path, with every directory; the root is ''. */
export function indexOf(entries: readonly ManifestEntry[]): Nodes {
  const nodes = new Map<string, Node>([['', { type: 'directory', path: '' }]])
  for (const entry of entries) {
    nodes.set(entry.path, entry)
    for (let path = posix.dirname(entry.path); path !== '.' && !nodes.has(path); path = posix.dirname(path)) {
      nodes.set(path, { type: 'directory', path })
    }
  }
  return nodes
}

const mostHops = 40

/**
 * Follows a path as the kernel would, links included, over the manifest alone: the disk is not asked, so nothing can change under it.
 * `outside`: it leaves the root at some point. `absent`: nothing is there, or a circle of links.
 */
export function follow(nodes: Nodes, path: string): Node | 'absent' | 'outside' {
  if (path.startsWith('/')) return 'outside'
  const rest = path.split('/').reverse()
  const at: string[] = []
  let hops = 0
  let lost = false
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      if (at.pop() === undefined) return 'outside'
      continue
    }
    const node = nodes.get([...at, part].join('/'))
    if (node?.type === 'symlink') {
      hops += 1
      if (hops > mostHops) return 'absent'
      if (node.target.startsWith('/')) return 'outside'
      rest.push(...node.target.split('/').reverse())
      continue
    }
    at.push(part)
    // Not there, or a file: the path leads nowhere, but may still be seen to leave the root further on.
    if (node === undefined || (node.type === 'file' && rest.length > 0)) lost = true
  }
  return lost ? 'absent' : (nodes.get(at.join('/')) ?? 'absent')
}

function checkLinks(entries: readonly ManifestEntry[]): void {
  const links = entries.filter((entry) => entry.type === 'symlink')
  if (links.length === 0) return
  const nodes = indexOf(entries)
  for (const link of links) {
    if (follow(nodes, link.path) !== 'outside') continue
    throw unreadable(
      'link-outside',
      `The symbolic link ${quoted(link.path)} leads out of the source, to ${quoted(link.target)}.`,
      {
        path: link.path,
      },
    )
  }
}
