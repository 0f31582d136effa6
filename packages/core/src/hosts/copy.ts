import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream, type Stats } from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, readlink, realpath, rename, rm, stat, symlink } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AppaloftError } from '../spec/errors.js'

const permissions = (found: Stats) => found.mode & 0o777
const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown')
const refused = (message: string) => new AppaloftError('invalid-input', { message })

/** A file or folder, a link followed, to a path of this machine; see `Host.upload`. */
export async function copyInto(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  const source = await realpath(from).catch(() => {
    throw refused(`There is no file or folder ${JSON.stringify(basename(from))} to upload, or it may not be read.`)
  })
  const found = await stat(source)
  // A folder may be reached over links; a file takes the place of one.
  const target = found.isDirectory() ? await realpath(to).catch(() => resolve(to)) : resolve(to)
  const inside = relative(source, target)
  if (inside === '') return
  if (!inside.startsWith('..') && !isAbsolute(inside)) throw refused('A folder cannot be uploaded into itself.')
  try {
    await mkdir(dirname(target), { recursive: true })
    await copyEntry(source, found, target, signal)
  } catch (error) {
    signal?.throwIfAborted()
    if (AppaloftError.isInstance(error)) throw error
    throw failed(basename(from), error)
  }
}

function failed(name: string, error: unknown): AppaloftError {
  const systemCode = codeOf(error)
  if (systemCode === 'ENOSPC' || systemCode === 'EDQUOT') return new AppaloftError('disk-full')
  return new AppaloftError('runtime-backend-unavailable', {
    message: `${JSON.stringify(name)} could not be copied: ${systemCode}.`,
    details: { systemCode },
    retriable: false,
    cause: error,
  })
}

async function copyEntry(from: string, found: Stats, to: string, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  if (found.isDirectory()) return await copyFolder(from, found, to, signal)
  if (found.isSymbolicLink()) return await copyLink(from, to)
  if (found.isFile()) return await copyFile(from, found, to, signal)
  throw refused(`${JSON.stringify(basename(from))} is neither a file nor a folder nor a link.`)
}

async function copyFolder(from: string, found: Stats, to: string, signal: AbortSignal | undefined): Promise<void> {
  const there = await lstat(to).catch(() => null)
  // A link to a folder would lead what follows to another place.
  if (there !== null && !there.isDirectory()) await rm(to)
  await mkdir(to, { recursive: true, mode: 0o700 })
  for (const name of (await readdir(from)).sort()) {
    const path = join(from, name)
    await copyEntry(path, await lstat(path), join(to, name), signal)
  }
  await chmod(to, permissions(found))
}

async function copyLink(from: string, to: string): Promise<void> {
  const target = await readlink(from)
  if ((await readlink(to).catch(() => null)) === target) return
  await placed(to, (temporary) => symlink(target, temporary))
}

async function copyFile(from: string, found: Stats, to: string, signal: AbortSignal | undefined): Promise<void> {
  const mode = permissions(found)
  const there = await lstat(to).catch(() => null)
  if (there?.isFile() && there.size === found.size && (await sameContent(from, to, signal))) {
    if (permissions(there) !== mode) await chmod(to, mode)
    return
  }
  await placed(to, async (temporary) => {
    const into = createWriteStream(temporary, { flags: 'wx', mode: 0o600 })
    await pipeline(createReadStream(from), into, signal === undefined ? {} : { signal })
    await chmod(temporary, mode)
  })
}

/** Made beside its place and renamed into it: nobody sees half of it. */
async function placed(to: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(to), `.appaloft-${randomBytes(8).toString('hex')}.tmp`)
  try {
    await make(temporary)
    await rename(temporary, to)
  } finally {
    await rm(temporary, { force: true })
  }
}

const chunkBytes = 256 * 1024

/** Of two files of the same size. */
async function sameContent(one: string, other: string, signal: AbortSignal | undefined): Promise<boolean> {
  const [first, second] = [createReadStream(one, { highWaterMark: chunkBytes }), await open(other).catch(() => null)]
  try {
    if (second === null) return false
    const buffer = Buffer.alloc(chunkBytes)
    for await (const chunk of first as AsyncIterable<Buffer>) {
      signal?.throwIfAborted()
      const { bytesRead } = await second.read(buffer, 0, chunk.length)
      if (bytesRead !== chunk.length || !chunk.equals(buffer.subarray(0, bytesRead))) return false
    }
    return true
  } finally {
    first.destroy()
    await second?.close()
  }
}
