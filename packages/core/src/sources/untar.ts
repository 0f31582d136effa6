import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Header, HeaderData } from 'tar'
import { unreadable } from './errors.js'
import { quoted } from './paths.js'
import type { Unpacker } from './unpacker.js'

const blockBytes = 512
/** Long names and attributes of an entry; more is made to fill the memory. */
const mostMetaBytes = 1024 * 1024
/** Padding behind the end: tar writes records of 10 KiB. */
const mostPadding = 1024 * 1024

const damaged = () => unreadable('damaged', 'The archive is damaged: it cannot be unpacked.')

/** Reads a stream by amounts: never more in memory than one of its chunks and what is asked for. */
class Reader {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)
  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  /** At most so many bytes, at least one; null at the end. */
  async some(most: number): Promise<Buffer | null> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next()
      if (done) return null
      this.#rest = value
    }
    const part = this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(part.length)
    return part
  }

  /** Exactly so many bytes, or null where the stream ends before the first. */
  async exactly(bytes: number): Promise<Buffer | null> {
    const parts: Buffer[] = []
    let length = 0
    while (length < bytes) {
      const part = await this.some(bytes - length)
      if (part === null && length === 0) return null
      if (part === null) throw damaged()
      parts.push(part)
      length += part.length
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  async *body(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      const part = await this.some(left)
      if (part === null) throw damaged()
      left -= part.length
      yield part
    }
    await this.skip(paddingOf(size))
  }

  async skip(bytes: number): Promise<void> {
    if (bytes > 0 && (await this.exactly(bytes)) === null) throw damaged()
  }
}

const paddingOf = (size: number) => (blockBytes - (size % blockBytes)) % blockBytes

/** Unpacks a .tar.gz, entry by entry, with the extensions of GNU tar and pax. */
export async function untar(path: string, out: Unpacker, signal: AbortSignal): Promise<void> {
  const { Header, Pax } = await import('tar')
  // The generator below sees every error of the pipeline; the callback only marks them as seen.
  const stream = pipeline(createReadStream(path, { signal }), createGunzip(), () => {})
  const reader = new Reader(stream)
  let extended: HeaderData | undefined
  let common: HeaderData | undefined
  let entries = 0
  try {
    for (;;) {
      const block = await reader.exactly(blockBytes)
      if (block === null || isZero(block)) {
        if (entries === 0 && block === null) throw damaged()
        await readPadding(reader)
        return
      }
      const header = new Header(block, 0, extended, common)
      const size = header.size ?? 0
      if (!header.cksumValid || !Number.isSafeInteger(size) || size < 0) throw damaged()
      const meta = metaKinds.has(header.type) ? await metaText(reader, size) : ''
      switch (header.type) {
        case 'ExtendedHeader':
        case 'OldExtendedHeader':
          extended = Pax.parse(meta, extended, false)
          break
        case 'GlobalExtendedHeader':
          common = Pax.parse(meta, common, true)
          break
        case 'NextFileHasLongPath':
        case 'OldGnuLongPath':
          extended = { ...extended, path: untilNul(meta) }
          break
        case 'NextFileHasLongLinkpath':
          extended = { ...extended, linkpath: untilNul(meta) }
          break
        default:
          await writeEntry(header, extended ?? {}, reader, out)
          extended = undefined
          entries += 1
      }
    }
  } finally {
    stream.destroy()
  }
}

const metaKinds: ReadonlySet<Header['type']> = new Set([
  'ExtendedHeader',
  'OldExtendedHeader',
  'GlobalExtendedHeader',
  'NextFileHasLongPath',
  'OldGnuLongPath',
  'NextFileHasLongLinkpath',
])

async function metaText(reader: Reader, size: number): Promise<string> {
  if (size > mostMetaBytes) throw unreadable('damaged', 'The archive holds a name or attributes of more than 1 MiB.')
  const parts: Buffer[] = []
  for await (const part of reader.body(size)) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

const untilNul = (text: string) => text.replace(/\0.*$/s, '')

const isZero = (block: Buffer) => block.every((byte) => byte === 0)

/** To the end of the stream, so that its own checksum is compared. */
async function readPadding(reader: Reader): Promise<void> {
  let bytes = 0
  for (let part = await reader.some(mostPadding); part !== null; part = await reader.some(mostPadding)) {
    bytes += part.length
    if (bytes > mostPadding || !isZero(part)) throw damaged()
  }
}

const kinds: Partial<Record<Header['type'], string>> = {
  CharacterDevice: 'a device',
  BlockDevice: 'a device',
  FIFO: 'a named pipe',
}

async function writeEntry(header: Header, more: HeaderData, reader: Reader, out: Unpacker): Promise<void> {
  // The library puts what an extension says about size and mode into the header, but not reliably the names.
  const name = more.path ?? header.path ?? ''
  const target = more.linkpath ?? header.linkpath ?? ''
  const size = header.size ?? 0
  switch (header.type) {
    case 'File':
    case 'OldFile':
    case 'ContiguousFile':
      return out.file(name, ((header.mode ?? 0) & 0o111) !== 0, reader.body(size))
    case 'Directory':
      await out.directory(name)
      break
    case 'SymbolicLink':
      await out.symbolicLink(name, target)
      break
    case 'Link':
      await out.hardLink(name, target)
      break
    default:
      throw unreadable(
        'damaged',
        `The archive holds ${quoted(name)}, which is ${kinds[header.type] ?? 'of an unknown kind'}.`,
        {
          path: name,
        },
      )
  }
  // None of them has content; where a header claims some, it must not be taken for headers.
  if (size > mostMetaBytes) throw damaged()
  await reader.skip(size + paddingOf(size))
}
