import { posix } from 'node:path'
import { z } from 'zod'

const block = 512
/** So much of small files is kept while an archive is looked through, in bytes: what is missing is then mostly there already. */
const keptLimit = 16 * 1024 * 1024

interface Entry {
  name: string
  /** Where it is a link. */
  link: string
  /** Of its content. */
  size: number
  /** Its header as it lies in the archive, with what extends it. */
  head: Buffer
  /** The content, filled up to whole blocks. What is not read is passed over. */
  body: AsyncGenerator<Buffer>
}

/** Bytes as they come, in the amounts that are asked for. */
class Bytes {
  #rest: Buffer = Buffer.alloc(0)
  readonly #source: AsyncIterator<Buffer>

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async *upTo(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0) {
        const next = await this.#source.next()
        if (next.done === true) throw new Error('The archive of the image ended before its end.')
        this.#rest = next.value
        continue
      }
      const part = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(part.length)
      left -= part.length
      yield part
    }
  }

  async take(count: number): Promise<Buffer> {
    const parts: Buffer[] = []
    for await (const part of this.upTo(count)) parts.push(part)
    return Buffer.concat(parts)
  }

  async drain(): Promise<void> {
    this.#rest = Buffer.alloc(0)
    while ((await this.#source.next()).done !== true);
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }
}

const text = (head: Buffer, from: number, length: number): string => {
  const field = head.subarray(from, from + length)
  const end = field.indexOf(0)
  return field.subarray(0, end === -1 ? length : end).toString('utf8')
}

/** Above 8 GiB the number is written in bytes instead of digits. */
const sizeOf = (head: Buffer): number =>
  (head[124] ?? 0) & 0x80 ? Number(head.readBigUInt64BE(128)) : Number.parseInt(text(head, 124, 12).trim() || '0', 8)

const blocks = (size: number): number => Math.ceil(size / block) * block

/** `17 path=some/where\n`, one after the other. */
function recordsOf(body: Buffer): Record<string, string> {
  const records: Record<string, string> = {}
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at)
    const length = Number(body.subarray(at, space).toString())
    if (space === -1 || !(length > 0)) break
    const [name = '', ...value] = body
      .subarray(space + 1, at + length - 1)
      .toString()
      .split('=')
    records[name] = value.join('=')
    at += length
  }
  return records
}

async function* entriesOf(archive: AsyncIterable<Buffer>): AsyncGenerator<Entry> {
  const bytes = new Bytes(archive)
  try {
    yield* entriesIn(bytes)
    await bytes.drain()
  } finally {
    await bytes.close()
  }
}

async function* entriesIn(bytes: Bytes): AsyncGenerator<Entry> {
  let before: Buffer[] = []
  let said: { path?: string; linkpath?: string; size?: string } = {}
  for (;;) {
    const head = await bytes.take(block)
    if (head.every((byte) => byte === 0)) return
    const type = String.fromCharCode(head[156] ?? 0)
    if ('xgLK'.includes(type)) {
      const size = sizeOf(head)
      const body = await bytes.take(blocks(size))
      before.push(head, body)
      const own = body.subarray(0, size)
      if (type === 'x') said = { ...said, ...recordsOf(own) }
      if (type === 'L') said.path = text(own, 0, size)
      if (type === 'K') said.linkpath = text(own, 0, size)
      continue
    }
    const prefix = text(head, 257, 5) === 'ustar' ? text(head, 345, 155) : ''
    const name = said.path ?? (prefix === '' ? text(head, 0, 100) : `${prefix}/${text(head, 0, 100)}`)
    const size = said.size === undefined ? sizeOf(head) : Number(said.size)
    const body = bytes.upTo(blocks(size))
    yield { name, link: said.linkpath ?? text(head, 157, 100), size, head: Buffer.concat([...before, head]), body }
    for await (const _ of body);
    before = []
    said = {}
  }
}

const manifestSchema = z.array(z.object({ Config: z.string(), Layers: z.array(z.string()) })).min(1)

export interface Survey {
  /** The files of the layers, from the lowest on. */
  layers: string[]
  entries: { name: string; link: string; bytes: number; kept: Buffer | null }[]
}

/** What lies in an image's archive: its list of layers is its last file. */
export async function survey(archive: AsyncIterable<Buffer>, limit = keptLimit): Promise<Survey> {
  const entries: Survey['entries'] = []
  let room = limit
  let manifest: Buffer | undefined
  for await (const { name, link, size, head, body } of entriesOf(archive)) {
    const bytes = head.length + blocks(size)
    const parts: Buffer[] = [head]
    if (name === 'manifest.json' || bytes <= room) for await (const part of body) parts.push(part)
    const kept = parts.length > 1 || size === 0 ? Buffer.concat(parts) : null
    if (name === 'manifest.json') manifest = kept?.subarray(head.length, head.length + size)
    room -= kept === null ? 0 : bytes
    entries.push({ name, link, bytes, kept })
  }
  const [image] = manifestSchema.parse(JSON.parse(manifest?.toString() ?? '[]'))
  return { layers: image?.Layers ?? [], entries }
}

/** The files of the first layers, so many as are there already, but what another layer is made of too. */
export function unneeded({ layers, entries }: Survey, present: number): Set<string> {
  const links = new Map(entries.flatMap(({ name, link }) => (link === '' ? [] : [[name, link] as const])))
  const needed = new Set<string>()
  for (const layer of layers.slice(present)) {
    needed.add(layer)
    const link = links.get(layer)
    if (link !== undefined) needed.add(posix.join(posix.dirname(layer), link))
  }
  return new Set(layers.slice(0, present).filter((layer) => !needed.has(layer)))
}

/** The archive without these files. */
export async function* without(archive: AsyncIterable<Buffer>, names: ReadonlySet<string>): AsyncGenerator<Buffer> {
  for await (const { name, head, body } of entriesOf(archive)) {
    if (names.has(name)) continue
    yield head
    yield* body
  }
  yield Buffer.alloc(2 * block)
}

/** The same from what was kept of it; null: not all of it was. */
export function keptOf({ entries }: Survey, names: ReadonlySet<string>): Buffer[] | null {
  const wanted = entries.filter(({ name }) => !names.has(name))
  const parts = wanted.flatMap(({ kept }) => (kept === null ? [] : [kept]))
  return parts.length === wanted.length ? [...parts, Buffer.alloc(2 * block)] : null
}
