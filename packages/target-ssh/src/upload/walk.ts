import type { Stats } from 'node:fs'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { AppaloftError } from '@appaloft/core/spec'

export type Entry = {
  /** Relative to the root, with slashes; empty for the root itself. */
  path: string
  /** Permission bits. */
  mode: number
} & ({ kind: 'folder' } | { kind: 'file'; size: number } | { kind: 'link'; target: string })

const refused = (message: string) => new AppaloftError('invalid-input', { message })

/** A local file or folder and all in it, parents before children. `invalid-input`: there is none, or something in it is of another kind. */
export async function walk(
  localPath: string,
  signal: AbortSignal | undefined,
): Promise<{ root: string; entries: Entry[] }> {
  const name = JSON.stringify(basename(localPath))
  const root = await realpath(localPath).catch(() => {
    throw refused(`There is no file or folder ${name} to upload, or it may not be read.`)
  })
  const entries: Entry[] = []
  await add(root, '', await stat(root), entries, signal)
  return { root, entries }
}

async function add(
  at: string,
  path: string,
  found: Stats,
  entries: Entry[],
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted()
  const mode = found.mode & 0o777
  if (found.isSymbolicLink()) entries.push({ path, mode, kind: 'link', target: await readlink(at) })
  else if (found.isFile()) entries.push({ path, mode, kind: 'file', size: found.size })
  else if (found.isDirectory()) {
    entries.push({ path, mode, kind: 'folder' })
    for (const name of (await readdir(at)).sort()) {
      const inner = join(at, name)
      await add(inner, path === '' ? name : `${path}/${name}`, await lstat(inner), entries, signal)
    }
  } else throw refused(`${JSON.stringify(basename(at))} is neither a file nor a folder nor a link.`)
}
