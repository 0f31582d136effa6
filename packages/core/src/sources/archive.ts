import { realpath, rm } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { AppaloftError } from '../spec/errors.js'
import type { Source } from '../spec/source.js'
import { keepCopy, keptCopy } from './copies.js'
import { download, parseDownloadUrl, shownUrl } from './download.js'
import { errorCode, unreadable, unreadableEntry } from './errors.js'
import { hashFile, openRegular } from './files.js'
import { defaultLimits, type SourceLimits, sizeText } from './limits.js'
import type { Manifest } from './manifest.js'
import { recall, remember } from './notes.js'
import { scan } from './scan.js'
import { temporaryFolder } from './temporary.js'
import { manifestTree } from './tree.js'
import type { OpenedSource, SourceContext } from './types.js'
import { unpacker } from './unpacker.js'
import { untar } from './untar.js'
import { unzip } from './unzip.js'

type ArchiveSource = Extract<Source, { kind: 'archive' }>

/** A .zip or .tar.gz, told apart by its first bytes. Everything in it counts; nothing is ignored, and no single top folder is cut off. */
export async function openArchive(
  source: ArchiveSource,
  context: SourceContext,
  limits: SourceLimits = defaultLimits,
): Promise<OpenedSource> {
  const { stateDir } = context
  const { path, manifest } = await unpacked(source, context, limits)
  const url = source.url === undefined ? undefined : parseDownloadUrl(source.url)
  return {
    identity: {
      kind: 'archive',
      digest: manifest.digest,
      ...(url === undefined ? {} : { url: shownUrl(url) }),
      name: url === undefined ? basename(resolve(source.path ?? '')) : basename(url.pathname) || url.hostname,
      baseDirectory: '.',
      files: manifest.files,
      bytes: manifest.bytes,
    },
    tree: manifestTree(await realpath(path), manifest),
    async materialise({ signal }) {
      const kept = await keptCopy(stateDir, manifest.digest)
      if (kept !== null) return kept
      const again = await unpacked(source, { ...context, signal }, limits).catch((error: unknown) => {
        signal.throwIfAborted()
        throw stale(error)
      })
      if (again.manifest.digest !== manifest.digest) throw stale()
      return again.path
    },
  }
}

const stale = (cause?: unknown) =>
  new AppaloftError('plan-stale', { phase: 'execute', message: 'The archive changed since the plan was made.', cause })

interface Unpacked {
  path: string
  manifest: Manifest
}

async function unpacked(source: ArchiveSource, context: SourceContext, limits: SourceLimits): Promise<Unpacked> {
  const { stateDir, signal } = context
  if (source.path !== undefined) return unpackFile(resolve(source.path), source.sha256, context, limits)
  const url = parseDownloadUrl(source.url ?? '')
  const known = source.sha256 === undefined ? null : await recall(stateDir, 'archive', source.sha256)
  if (known !== null) return known
  const home = await temporaryFolder(stateDir, 'sources')
  try {
    const path = join(home, 'archive')
    await download(url, path, limits.bytes, signal)
    return await unpackFile(path, source.sha256, context, limits)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

async function unpackFile(
  path: string,
  sha256: string | undefined,
  { stateDir, signal }: SourceContext,
  limits: SourceLimits,
): Promise<Unpacked> {
  const before = await inspect(path, limits, signal)
  if (sha256 !== undefined && sha256 !== before.sha256) {
    throw unreadable('another-archive', 'The archive is not the one that was meant: its sha256 is another.', {
      expected: sha256,
      actual: before.sha256,
    })
  }
  const known = await recall(stateDir, 'archive', before.sha256)
  if (known !== null) return known
  const copy = await keepCopy(stateDir, async (into) => {
    const out = unpacker(into, limits, signal)
    try {
      if (before.format === 'zip') await unzip(path, out, limits)
      else await untar(path, out, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (AppaloftError.isInstance(error) || errorCode(error) === 'ENOSPC') throw error
      throw unreadable('damaged', 'The archive is damaged: it cannot be unpacked.', {}, error)
    }
    await out.finish()
    if ((await stamp(path)) !== before.stamp) throw unreadable('changing', 'The archive changed while it was read.')
    return scan(into, { limits, signal })
  })
  await remember(stateDir, 'archive', before.sha256, copy.manifest.digest)
  return copy
}

async function stamp(path: string): Promise<string> {
  const file = await openRegular(await realpath(path), basename(path))
  try {
    const { size, mtimeNs, ctimeNs, ino } = await file.stat({ bigint: true })
    return [size, mtimeNs, ctimeNs, ino].join()
  } finally {
    await file.close()
  }
}

async function inspect(path: string, limits: SourceLimits, signal: AbortSignal) {
  const name = basename(path)
  try {
    const before = await stamp(path)
    const file = await openRegular(await realpath(path), name)
    try {
      const { size } = await file.stat()
      if (size > limits.bytes) throw unreadable('too-large', `The archive is larger than ${sizeText(limits.bytes)}.`)
      const start = Buffer.alloc(4)
      await file.read(start, 0, 4, 0)
      return { format: formatOf(start), sha256: await hashFile(file, size, signal), stamp: before }
    } finally {
      await file.close()
    }
  } catch (error) {
    signal.throwIfAborted()
    if (AppaloftError.isInstance(error)) throw error
    throw unreadableEntry(name, error)
  }
}

function formatOf(start: Buffer): 'zip' | 'tar.gz' {
  // The second signature is that of a .zip without entries.
  if (start.equals(Buffer.from('PK\x03\x04')) || start.equals(Buffer.from('PK\x05\x06'))) return 'zip'
  if (start[0] === 0x1f && start[1] === 0x8b) return 'tar.gz'
  throw unreadable('not-a-source', 'The archive is neither a .zip nor a .tar.gz.')
}
