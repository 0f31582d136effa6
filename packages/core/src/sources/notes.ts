import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { object } from '../spec/schema.js'
import { keptManifest } from './copies.js'
import type { Manifest } from './manifest.js'

/*
 * stateDir/cache/AREA/KEY.json: which copy a commit or an archive became, so that it need not be fetched or unpacked again.
 * The key is made of everything that decides the content and who may see it.
 */
const schema = object(() => ({ version: z.literal(1), digest: z.string() }))
type Area = 'git' | 'archive'

const place = (stateDir: string, area: Area, key: unknown) => {
  const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex')
  return join(stateDir, 'cache', area, `${hash.slice(0, 32)}.json`)
}

/** The copy, where it is still kept. */
export async function recall(
  stateDir: string,
  area: Area,
  key: unknown,
): Promise<{ path: string; manifest: Manifest } | null> {
  try {
    const { digest } = schema.parse(JSON.parse(await readFile(place(stateDir, area, key), 'utf8')))
    return await keptManifest(stateDir, digest)
  } catch {
    return null
  }
}

/** Never fails: without the note the work is done again. */
export async function remember(stateDir: string, area: Area, key: unknown, digest: string): Promise<void> {
  const path = place(stateDir, area, key)
  const temp = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await mkdir(join(stateDir, 'cache', area), { recursive: true, mode: 0o700 })
    await writeFile(temp, JSON.stringify({ version: 1, digest }), { mode: 0o600 })
    await rename(temp, path)
  } catch {
    await rm(temp, { force: true }).catch(() => {})
  }
}
