import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, realpathSync } from 'node:fs'
import { type FileHandle, open, readlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { unreadable } from './errors.js'
import { quoted } from './paths.js'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants

/**
 * Opens a regular file for reading: no link at its end is followed, and a pipe put in its place after it was listed does not hang.
 * `path` must be free of links as a whole (below a realpath): on Linux the opened file is asked where it lies, so a folder on the
 * way that became a link in this very moment is noticed too. `name` is for the error.
 */
export async function openRegular(path: string, name: string): Promise<FileHandle> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    const regular = (await file.stat()).isFile()
    const place = process.platform === 'linux' ? await readlink(`/proc/self/fd/${file.fd}`).catch(() => path) : path
    if (regular && place === path) return file
  } catch (error) {
    await file.close()
    throw error
  }
  await file.close()
  throw unreadable('changing', `${quoted(name)} is not a regular file any more.`, { path: name })
}

/**
 * The first bytes of a regular file as text, or null where there is none, under the conditions of `openRegular`. At once: planners read
 * many small files, and a promise for each step takes many times what the steps themselves do.
 */
export function readStart(path: string, maxBytes: number): string | null {
  let file: number | undefined
  try {
    if (realpathSync.native(dirname(path)) !== dirname(path)) return null
    file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    const stat = fstatSync(file)
    if (!stat.isFile()) return null
    if (process.platform === 'linux' && readlinkSync(`/proc/self/fd/${file}`) !== path) return null
    const buffer = Buffer.alloc(Math.min(maxBytes, stat.size))
    let length = 0
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = readSync(file, buffer, length, buffer.length - length, length)
    // As a stream: a character cut at the end is left out instead of turned into a replacement character.
    return new TextDecoder('utf-8').decode(buffer.subarray(0, length), { stream: true })
  } catch {
    return null
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

const chunkBytes = 256 * 1024

/**
 * sha256 over the first `size` bytes, never more of them in memory than a chunk, each chunk handed to `sink` too. A file that is shorter
 * gives the hash of what is there; one that grows is read only that far.
 */
export async function hashFile(
  file: FileHandle,
  size: number,
  signal: AbortSignal,
  sink?: (chunk: Uint8Array) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(chunkBytes, size)))
  for (let at = 0; at < size; ) {
    signal.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - at), at)
    if (bytesRead === 0) break
    const chunk = buffer.subarray(0, bytesRead)
    hash.update(chunk)
    await sink?.(chunk)
    at += bytesRead
  }
  return hash.digest('hex')
}

/** Writes everything, however the system cuts it. */
export async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, at, chunk.length - at)
    at += bytesWritten
  }
}
