import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, utimesSync } from 'node:fs'
import { mkdir, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { processIdentity } from '../engine/liveness.js'
import { AppaloftError } from '../spec/errors.js'
import { object } from '../spec/schema.js'
import { errorCode } from './errors.js'
import type { SourceLimits } from './limits.js'
import { type Manifest, manifestEntrySchema } from './manifest.js'
import { scan } from './scan.js'
import { sweep, temporaryFolder } from './temporary.js'

/*
 * stateDir/sources/DIGEST/tree           the copy
 *                        /copy.json      its card: written with it, before the folder gets its name
 *                        /manifest.json
 *                 /.tmp-…, .trash-…      on the way in and out
 */

const cardSchema = object(() => ({
  version: z.literal(1),
  /** The manifest's digest: for a source without files not the name of the folder. */
  content: z.string(),
  /** The boot in which the copy was written or last checked. After a power cut, files may be shorter than what was written. */
  bootId: z.string(),
}))
const manifestSchema = object(() => ({
  digest: z.string(),
  files: z.number(),
  bytes: z.number(),
  entries: z.array(manifestEntrySchema),
}))

const isDigest = (digest: string) => /^[0-9a-f]{64}$/.test(digest)
const home = (stateDir: string) => join(stateDir, 'sources')
const place = (stateDir: string, digest: string) => join(home(stateDir), digest)
const noLimits: SourceLimits = { bytes: Number.MAX_SAFE_INTEGER, entries: Number.MAX_SAFE_INTEGER }

/** Without promises: a look at what is small and near takes a fraction of what they would. */
function readJson<T>(path: string, schema: z.ZodType<T>): T | null {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}

async function writeAtomically(path: string, value: unknown): Promise<void> {
  const temp = `${path}.${randomBytes(6).toString('hex')}.tmp`
  await writeFile(temp, JSON.stringify(value), { mode: 0o600 })
  await rename(temp, path)
}

/**
 * The absolute path of a kept copy, or null. Counts as a use: the copy is safe from `discardCopies` for an hour. The first use after
 * a reboot reads the whole copy again, and removes it where it is not what it was.
 */
export async function keptCopy(stateDir: string, digest: string): Promise<string | null> {
  if (!isDigest(digest)) return null
  const folder = place(stateDir, digest)
  const card = readJson(join(folder, 'copy.json'), cardSchema)
  if (card === null) return null
  const tree = join(folder, 'tree')
  try {
    const now = new Date()
    utimesSync(folder, now, now)
    const { bootId } = processIdentity()
    if (card.bootId !== bootId) {
      const { digest: content } = await scan(await realpath(tree), {
        limits: noLimits,
        signal: new AbortController().signal,
      })
      if (content !== card.content) {
        await discard(stateDir, digest)
        return null
      }
      await writeAtomically(join(folder, 'copy.json'), { ...card, bootId })
    }
    return tree
  } catch {
    return null
  }
}

/** The manifest of a kept copy, where both are there. */
export async function keptManifest(
  stateDir: string,
  digest: string,
): Promise<{ path: string; manifest: Manifest } | null> {
  const path = await keptCopy(stateDir, digest)
  if (path === null) return null
  const manifest = readJson(join(place(stateDir, digest), 'manifest.json'), manifestSchema)
  return manifest?.digest === digest ? { path, manifest } : null
}

/**
 * Makes a copy: `fill` writes the tree into an empty folder and answers with the manifest of what it wrote. The folder gets its name,
 * the manifest's digest or the one given, in one rename; who comes second uses the first one's.
 */
export async function keepCopy(
  stateDir: string,
  fill: (into: string) => Promise<Manifest>,
  name?: string,
): Promise<{ path: string; manifest: Manifest }> {
  const temp = await temporaryFolder(stateDir, 'sources')
  try {
    const into = join(temp, 'tree')
    await mkdir(into, { mode: 0o755 })
    const manifest = await fill(await realpath(into))
    const digest = name ?? manifest.digest
    const card = { version: 1, content: manifest.digest, bootId: processIdentity().bootId }
    await writeFile(join(temp, 'manifest.json'), JSON.stringify(manifest), { mode: 0o600 })
    await writeFile(join(temp, 'copy.json'), JSON.stringify(card), { mode: 0o600 })
    for (let tries = 0; ; tries++) {
      try {
        await rename(temp, place(stateDir, digest))
        break
      } catch (error) {
        const taken = errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST'
        if (!taken || tries > 5) throw error
        if ((await keptCopy(stateDir, digest)) !== null) break
        // A folder without a readable card is nobody's copy.
        await discard(stateDir, digest)
      }
    }
    return { path: join(place(stateDir, digest), 'tree'), manifest }
  } catch (error) {
    const full = errorCode(error) === 'ENOSPC' || errorCode(error) === 'EDQUOT'
    if (!full) throw error
    throw new AppaloftError('disk-full', { message: 'The disk with the state folder is full.', cause: error })
  } finally {
    await rm(temp, { recursive: true, force: true })
  }
}

/** Out of the way in one step, then removed: nobody sees half a copy. */
async function discard(stateDir: string, name: string): Promise<void> {
  const trash = join(home(stateDir), `.trash-${randomBytes(8).toString('hex')}`)
  try {
    await rename(join(home(stateDir), name), trash)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  await rm(trash, { recursive: true, force: true })
}

const hour = 3_600_000

/**
 * Removes the copies whose digest is not in the set and which were not used within the last hour, what dead processes left behind, and
 * caches that nobody used for 30 days.
 */
export async function discardCopies(stateDir: string, keep: ReadonlySet<string>): Promise<void> {
  // Asked synchronously: where nothing was ever kept, as under a simulated clock, the disk takes no part.
  if (!existsSync(stateDir)) return
  await sweep(stateDir, 'sources')
  await sweep(stateDir, 'git')
  for (const area of ['git', 'cache/stat', 'cache/git', 'cache/archive']) await pruneCache(join(stateDir, area))
  for (const name of await readdir(home(stateDir)).catch(() => [])) {
    if (!isDigest(name) || keep.has(name)) continue
    try {
      // A file's time is compared with the clock that set it, not with the injected one.
      const age = Date.now() - (await stat(place(stateDir, name))).mtimeMs
      if (age > hour) await discard(stateDir, name)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }
}

async function pruneCache(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (name.startsWith('.')) continue
    try {
      const path = join(folder, name)
      if (Date.now() - (await stat(path)).mtimeMs > 30 * 24 * hour) await rm(path, { recursive: true, force: true })
    } catch {
      // Another process was faster, or the next one tries again.
    }
  }
}
