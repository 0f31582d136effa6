import { chmod, copyFile, mkdir, open, rm, symlink } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { unreadable, unreadableEntry } from './errors.js'
import { writeAll } from './files.js'
import { type SourceLimits, sizeText } from './limits.js'
import { quoted } from './paths.js'

/** Where entries of an archive are written: every format goes through the same checks. */
export interface Unpacker {
  directory(name: string): Promise<void>
  file(name: string, executable: boolean, content: AsyncIterable<Uint8Array>): Promise<void>
  symbolicLink(name: string, target: string): Promise<void>
  /** A second name of an earlier file; becomes a file of its own. */
  hardLink(name: string, target: string): Promise<void>
  /** Makes the links. Until then the folder holds none, so nothing can be written through one. */
  finish(): Promise<void>
}

const outside = (name: string) =>
  unreadable('damaged', `The archive holds an entry outside of it: ${quoted(name)}.`, { path: name })

/** The path of an entry below the root, '' for the root itself. Errors for what is absolute or goes up anywhere. */
function entryPath(name: string): string {
  if (name.includes('\0') || name.startsWith('/') || /^[A-Za-z]:[\\/]/.test(name)) throw outside(name)
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw outside(name)
  return parts.join('/')
}

export function unpacker(into: string, limits: SourceLimits, signal: AbortSignal): Unpacker {
  const kinds = new Map<string, 'directory' | 'file' | 'link'>([['', 'directory']])
  const links: { path: string; target: string }[] = []
  let bytes = 0

  const claim = (path: string, kind: 'directory' | 'file' | 'link') => {
    signal.throwIfAborted()
    const before = kinds.get(path)
    if (before !== undefined && before !== kind) {
      throw unreadable('damaged', `The archive holds ${quoted(path)} twice, as different things.`, { path })
    }
    kinds.set(path, kind)
    if (kinds.size - 1 > limits.entries)
      throw unreadable('too-large', `The archive holds more than ${limits.entries} entries.`)
    return before !== undefined
  }
  const makeFolder = async (path: string): Promise<void> => {
    if (kinds.get(path) === 'directory') return
    await makeFolder(parentOf(path))
    claim(path, 'directory')
    await mkdir(join(into, path), { mode: 0o755 })
  }
  const named = async (name: string, work: (path: string) => Promise<void>) => {
    const path = entryPath(name)
    try {
      if (path !== '') await makeFolder(parentOf(path))
      await work(path)
    } catch (error) {
      if (error instanceof Error && 'syscall' in error && !('code' in error && error.code === 'ENOSPC')) {
        throw unreadableEntry(path, error)
      }
      throw error
    }
  }
  const grow = (by: number) => {
    signal.throwIfAborted()
    bytes += by
    if (bytes > limits.bytes)
      throw unreadable('too-large', `The archive unpacks to more than ${sizeText(limits.bytes)}.`)
  }

  return {
    directory: (name) => named(name, makeFolder),
    file: (name, executable, content) =>
      named(name, async (path) => {
        // As tar does it: a later entry of the same name replaces the earlier one.
        if (claim(path, 'file')) await rm(join(into, path))
        const file = await open(join(into, path), 'wx', 0o600)
        try {
          for await (const chunk of content) {
            grow(chunk.length)
            await writeAll(file, chunk)
          }
        } finally {
          await file.close()
        }
        await chmod(join(into, path), executable ? 0o755 : 0o644)
      }),
    symbolicLink: (name, target) =>
      named(name, async (path) => {
        if (claim(path, 'link'))
          throw unreadable('damaged', `The archive holds the link ${quoted(path)} twice.`, { path })
        if (target === '' || target.includes('\0'))
          throw unreadable('damaged', `The link ${quoted(path)} leads nowhere.`, { path })
        links.push({ path, target })
      }),
    hardLink: (name, target) =>
      named(name, async (path) => {
        const from = entryPath(target)
        if (kinds.get(from) !== 'file' || from === path) {
          throw unreadable(
            'damaged',
            `${quoted(path)} is a hard link to ${quoted(from)}, which is no file of the archive.`,
            {
              path,
            },
          )
        }
        if (claim(path, 'file')) await rm(join(into, path))
        const size = await sizeOf(join(into, from))
        grow(size)
        await copyFile(join(into, from), join(into, path))
      }),
    async finish() {
      for (const { path, target } of links) await symlink(target, join(into, path))
    },
  }
}

const parentOf = (path: string) => {
  const parent = posix.dirname(path)
  return parent === '.' ? '' : parent
}

async function sizeOf(path: string): Promise<number> {
  const file = await open(path, 'r')
  try {
    return (await file.stat()).size
  } finally {
    await file.close()
  }
}
