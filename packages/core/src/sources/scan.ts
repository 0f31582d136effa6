import { join } from 'node:path'
import { AppaloftError } from '../spec/errors.js'
import { unreadableEntry } from './errors.js'
import { hashFile, openRegular } from './files.js'
import { type Manifest, type ManifestEntry, toManifest } from './manifest.js'
import { pool } from './pool.js'
import type { StatCache } from './statCache.js'
import { type FileStat, type WalkedEntry, type WalkOptions, walk } from './walk.js'

export interface ScanOptions extends WalkOptions {
  cache?: StatCache
}

/** The manifest of a folder. Reads each file that the cache does not know, in chunks. `root` is a realpath. */
export async function scan(root: string, options: ScanOptions): Promise<Manifest> {
  const { cache, signal } = options
  const walked = await walk(root, options)
  const entries: ManifestEntry[] = []
  const hashed: { path: string; stat: FileStat; sha256: string }[] = []
  const unknown: Extract<WalkedEntry, { type: 'file' }>[] = []
  const add = (entry: Extract<WalkedEntry, { type: 'file' }>, sha256: string) => {
    entries.push({ type: 'file', path: entry.path, mode: entry.mode, size: entry.stat.size, sha256 })
    hashed.push({ path: entry.path, stat: entry.stat, sha256 })
  }
  for (const entry of walked) {
    if (entry.type !== 'file') entries.push(entry)
    else {
      const known = cache?.hash(entry.path, entry.stat)
      if (known === undefined) unknown.push(entry)
      else add(entry, known)
    }
  }
  await pool(unknown, 8, signal, async (entry) => add(entry, await hashOf(root, entry.path, entry.stat.size, signal)))
  const manifest = toManifest(entries)
  await cache?.save(hashed)
  return manifest
}

async function hashOf(root: string, path: string, size: number, signal: AbortSignal): Promise<string> {
  try {
    const file = await openRegular(join(root, path), path)
    try {
      return await hashFile(file, size, signal)
    } finally {
      await file.close()
    }
  } catch (error) {
    signal.throwIfAborted()
    if (AppaloftError.isInstance(error)) throw error
    throw unreadableEntry(path, error)
  }
}
