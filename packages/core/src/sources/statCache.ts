import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, utimesSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { object } from '../spec/schema.js'
import type { FileStat } from './walk.js'

const schema = object(() => ({
  version: z.literal(1),
  // path → size, mtimeNs, ctimeNs, inode, sha256
  files: z.record(z.string(), z.tuple([z.number(), z.string(), z.string(), z.string(), z.string()])),
}))
type Files = z.infer<typeof schema>['files']

/**
 * Remembers the hashes of a folder's files outside the folder, so that a big unchanged folder is not read again. A file counts as
 * unchanged when path, size, modification and change time (nanoseconds) and inode are equal; the change time cannot be set by programs.
 */
export interface StatCache {
  hash(path: string, stat: FileStat): string | undefined
  /** Keeps the hashes for the next time. Never fails: a cache that cannot be written is only slower. */
  save(files: Iterable<{ path: string; stat: FileStat; sha256: string }>): Promise<void>
}

/** A change within one tick of the file system's clock leaves the times as they are: what is younger than this is not remembered. */
const settleNs = 2_000_000_000n

export function openStatCache(stateDir: string, root: string): StatCache {
  const directory = join(stateDir, 'cache', 'stat')
  const file = join(directory, `${createHash('sha256').update(root).digest('hex').slice(0, 32)}.json`)
  let known: Files = Object.create(null)
  try {
    known = Object.assign(Object.create(null), schema.parse(JSON.parse(readFileSync(file, 'utf8'))).files)
  } catch {
    // None yet, or one of another version: everything is read.
  }
  // Compared with times that the file system wrote, so it is the system's clock, not the injected one.
  const startedNs = BigInt(Date.now()) * 1_000_000n
  return {
    hash(path, stat) {
      const [size, mtimeNs, ctimeNs, inode, sha256] = known[path] ?? []
      const same = size === stat.size && mtimeNs === stat.mtimeNs && ctimeNs === stat.ctimeNs && inode === stat.inode
      return same ? sha256 : undefined
    },
    async save(entries) {
      const files: Files = Object.create(null)
      let changed = false
      let count = 0
      for (const { path, stat, sha256 } of entries) {
        const settled = startedNs - BigInt(stat.ctimeNs) > settleNs && startedNs - BigInt(stat.mtimeNs) > settleNs
        if (!settled) continue
        files[path] = [stat.size, stat.mtimeNs, stat.ctimeNs, stat.inode, sha256]
        count += 1
        if (known[path]?.[4] !== sha256 || known[path]?.[2] !== stat.ctimeNs) changed = true
      }
      if (!changed && count === Object.keys(known).length) {
        // Used: what is not is pruned one day.
        try {
          utimesSync(file, new Date(), new Date())
        } catch {
          // Nothing was worth keeping, so there is no file.
        }
        return
      }
      const temp = `${file}.${randomBytes(6).toString('hex')}.tmp`
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 })
        await writeFile(temp, JSON.stringify({ version: 1, files }), { mode: 0o600 })
        await rename(temp, file)
      } catch {
        await rm(temp, { force: true }).catch(() => {})
      }
    },
  }
}
