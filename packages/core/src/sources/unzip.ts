import { crc32 } from 'node:zlib'
import type { Entry, ZipFile } from 'yauzl'
import { unreadable } from './errors.js'
import { type SourceLimits, sizeText } from './limits.js'
import { quoted } from './paths.js'
import type { Unpacker } from './unpacker.js'

const kindBits = 0o170000
const linkKind = 0o120000
const longestTarget = 4096

/** Unpacks a .zip: the central directory counts, as the format says, and its sizes and checksums are held against what comes out. */
export async function unzip(path: string, out: Unpacker, limits: SourceLimits): Promise<void> {
  const { openPromise, getFileNameLowLevel } = await import('yauzl')
  // Names are decoded here, so that one check is the same for all formats.
  const zip = await openPromise(path, { autoClose: false, decodeStrings: false, validateEntrySizes: true })
  try {
    const entries = await survey(zip, limits)
    for (const entry of entries) {
      const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, false)
      const mode = unixMode(entry)
      const kind = mode & kindBits
      if (kind !== 0 && kind !== 0o100000 && kind !== 0o040000 && kind !== linkKind) {
        throw unreadable(
          'damaged',
          `The archive holds ${quoted(name)}, which is neither a file, a folder nor a link.`,
          {
            path: name,
          },
        )
      }
      if (name.endsWith('/') || kind === 0o040000) await out.directory(name)
      else if (kind === linkKind) await out.symbolicLink(name, await linkTarget(zip, entry, name))
      else await out.file(name, (mode & 0o111) !== 0, content(zip, entry, name))
    }
  } finally {
    zip.close()
  }
}

/** All entries, once their declared sizes are known to fit. */
async function survey(zip: ZipFile, limits: SourceLimits): Promise<Entry[]> {
  if (zip.entryCount > limits.entries)
    throw unreadable('too-large', `The archive holds more than ${limits.entries} entries.`)
  const entries: Entry[] = []
  let bytes = 0
  for await (const entry of zip.eachEntry()) {
    entries.push(entry)
    bytes += entry.uncompressedSize
    if (entries.length > limits.entries)
      throw unreadable('too-large', `The archive holds more than ${limits.entries} entries.`)
    if (bytes > limits.bytes)
      throw unreadable('too-large', `The archive unpacks to more than ${sizeText(limits.bytes)}.`)
  }
  return entries
}

/** Only Unix and macOS write a mode; of an archive from elsewhere everything is a plain file or folder. */
const unixMode = ({ versionMadeBy, externalFileAttributes }: Entry): number => {
  const system = versionMadeBy >> 8
  return system === 3 || system === 19 ? (externalFileAttributes >>> 16) & 0xffff : 0
}

async function* content(zip: ZipFile, entry: Entry, name: string): AsyncGenerator<Uint8Array> {
  if (!entry.canDecodeFileData()) {
    throw unreadable('damaged', `${quoted(name)} is encrypted, or packed in a way that is not supported.`, {
      path: name,
    })
  }
  let sum = 0
  for await (const chunk of await zip.openReadStreamPromise(entry)) {
    sum = crc32(chunk as Buffer, sum)
    yield chunk as Buffer
  }
  if (sum !== entry.crc32)
    throw unreadable('damaged', `${quoted(name)} is damaged: its checksum is wrong.`, { path: name })
}

async function linkTarget(zip: ZipFile, entry: Entry, name: string): Promise<string> {
  if (entry.uncompressedSize > longestTarget)
    throw unreadable('damaged', `The target of the link ${quoted(name)} is too long.`, { path: name })
  const chunks: Uint8Array[] = []
  for await (const chunk of content(zip, entry, name)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
