import { lstatSync, realpathSync } from 'node:fs'
import { chmod, mkdir, open, symlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { AppaloftError } from '../spec/errors.js'
import type { SourceIdentity } from '../spec/source.js'
import { keepCopy, keptCopy } from './copies.js'
import { errorCode, unreadable, unreadableEntry } from './errors.js'
import { hashFile, openRegular, writeAll } from './files.js'
import { defaultLimits } from './limits.js'
import type { Manifest } from './manifest.js'
import { pool } from './pool.js'
import { scan } from './scan.js'
import { openStatCache } from './statCache.js'
import { manifestTree } from './tree.js'
import type { OpenedSource, SourceContext } from './types.js'

/**
 * A folder of this machine; a relative path starts at the working directory of the process. What is ignored is written at
 * `ignoreRules.ts`, the limits at `limits.ts`. The state folder is left out where it lies inside.
 */
export async function openFolder(
  path: string,
  context: SourceContext,
  named: Pick<SourceIdentity, 'kind' | 'name'>,
): Promise<OpenedSource> {
  const asked = resolve(path)
  const root = realFolder(asked)
  const stateDir = realOr(context.stateDir)
  if (root === stateDir) throw unreadable('not-a-source', 'The source folder is the state folder itself.')
  const read = async (signal: AbortSignal) =>
    scan(root, {
      limits: defaultLimits,
      signal,
      ignore: true,
      except: [stateDir],
      aliases: [asked],
      cache: openStatCache(stateDir, root),
    })
  const manifest = await read(context.signal)
  return {
    identity: {
      ...named,
      digest: manifest.digest,
      baseDirectory: '.',
      files: manifest.files,
      bytes: manifest.bytes,
    },
    tree: manifestTree(root, manifest),
    async materialise({ signal }) {
      const kept = await keptCopy(stateDir, manifest.digest)
      if (kept !== null) return kept
      const copy = await keepCopy(stateDir, async (into) => {
        await copyTree(root, manifest, into, signal)
        // Each file was compared while it was copied; this finds what was added, removed or made executable since.
        const now = await read(signal).catch((error: unknown) => {
          signal.throwIfAborted()
          throw stale(error)
        })
        if (now.digest !== manifest.digest) throw stale()
        return manifest
      })
      return copy.path
    },
  }
}

/** A state folder that is not there yet has no real path. */
function realOr(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return resolve(path)
  }
}

export function realFolder(path: string): string {
  const name = basename(path) || '/'
  try {
    const root = realpathSync.native(path)
    if (lstatSync(root).isDirectory()) return root
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') {
      throw unreadable('absent', `There is no folder ${JSON.stringify(name)} at the source's path.`, { name }, error)
    }
    throw unreadableEntry(name, error)
  }
  throw unreadable('not-a-source', `${JSON.stringify(name)} is not a folder.`, { name })
}

const stale = (cause?: unknown, path?: string) =>
  new AppaloftError('plan-stale', {
    phase: 'execute',
    message: `The source changed since the plan was made${path === undefined ? '' : `: ${JSON.stringify(path)}`}.`,
    details: path === undefined ? {} : { path },
    cause,
  })

async function copyTree(root: string, manifest: Manifest, into: string, signal: AbortSignal): Promise<void> {
  const made = new Set<string>([into])
  const folder = async (path: string) => {
    if (made.has(path)) return
    await mkdir(path, { recursive: true, mode: 0o755 })
    made.add(path)
  }
  for (const entry of manifest.entries) {
    await folder(entry.type === 'directory' ? join(into, entry.path) : dirname(join(into, entry.path)))
    if (entry.type === 'symlink') await symlink(entry.target, join(into, entry.path))
  }
  const files = manifest.entries.filter((entry) => entry.type === 'file')
  await pool(files, 8, signal, async ({ path, mode, size, sha256 }) => {
    const from = await openRegular(join(root, path), path).catch((error: unknown) => Promise.reject(stale(error, path)))
    try {
      const to = await open(join(into, path), 'wx', mode)
      try {
        if ((await hashFile(from, size, signal, (chunk) => writeAll(to, chunk))) !== sha256)
          throw stale(undefined, path)
        // A longer file has the same beginning.
        if ((await from.stat()).size !== size) throw stale(undefined, path)
      } finally {
        await to.close()
      }
      await chmod(join(into, path), mode)
    } finally {
      await from.close()
    }
  })
}
