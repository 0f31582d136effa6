import { constants } from 'node:fs'
import { chmod, copyFile, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { join } from 'node:path'

const atOnce = 32

/**
 * Copies a tree: files with their modes (ours to change), symbolic links as they are. What is neither file, folder nor link is left
 * out. File systems that can share blocks do.
 */
export async function copyTree(from: string, to: string, signal: AbortSignal): Promise<void> {
  const files: string[] = []
  const walk = async (relative: string): Promise<void> => {
    signal.throwIfAborted()
    await mkdir(join(to, relative), { recursive: true })
    for (const entry of await readdir(join(from, relative), { withFileTypes: true })) {
      const path = join(relative, entry.name)
      if (entry.isDirectory()) await walk(path)
      else if (entry.isFile()) files.push(path)
      else if (entry.isSymbolicLink()) await symlink(await readlink(join(from, path)), join(to, path))
    }
  }
  await walk('')
  await eachOf(files, atOnce, async (path) => {
    signal.throwIfAborted()
    await copyOne(join(from, path), join(to, path))
  })
}

export async function copyOne(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE)
  const { mode } = await lstat(to)
  if ((mode & 0o600) !== 0o600) await chmod(to, (mode & 0o777) | 0o600)
}

/** Runs through a list, so many at once. */
export async function eachOf<T>(items: readonly T[], most: number, act: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const work = async () => {
    for (let at = next++; at < items.length; at = next++) await act(items[at]!)
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, work))
}
