import { expect, it } from 'vitest'
import { tarOf } from '../api/tar.js'
import { keptOf, survey, unneeded, without } from './archive.js'

interface File {
  name: string
  content?: string
  link?: string
}

/** As an engine writes it, which knows links too, and names of more than 100 characters. */
function archive(files: readonly File[]): Buffer {
  const parts = files.map(({ name, content = '', link = '' }) => {
    const whole = tarOf([{ name: name.slice(0, 100), content, mode: 0o644, uid: 0 }]).subarray(0, -1024)
    if (link !== '') {
      whole.write('2', 156)
      whole.write(link, 157)
    }
    if (name.length <= 100) return whole
    const length = ` path=${name}\n`.length
    const record = `${length + String(length + 3).length} path=${name}\n`
    const extended = tarOf([{ name: 'pax', content: record, mode: 0o644, uid: 0 }]).subarray(0, -1024)
    extended.write('x', 156)
    return Buffer.concat([extended, whole])
  })
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function all(parts: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<Buffer> {
  const found: Buffer[] = []
  for await (const part of parts) found.push(part)
  return Buffer.concat(found)
}

const layers = ['c/layer.tar', 'a/layer.tar', `${'d'.repeat(120)}/layer.tar`]
const files: File[] = [
  { name: 'a/VERSION', content: '1.0' },
  { name: 'a/layer.tar', content: 'a'.repeat(3000) },
  { name: 'c/layer.tar', content: 'c'.repeat(512) },
  { name: layers[2]!, content: 'd'.repeat(700) },
  { name: 'config.json', content: '{}' },
  { name: 'manifest.json', content: JSON.stringify([{ Config: 'config.json', RepoTags: null, Layers: layers }]) },
]

it.each([1, 7, 512, 1000, 100_000])('reads an archive that comes in pieces of %i bytes', async (size) => {
  const found = await survey(inPieces(archive(files), size))
  expect(found.layers).toEqual(layers)
  expect(found.entries.map(({ name }) => name)).toEqual(files.map(({ name }) => name))
})

it('leaves out the layers that are there, and nothing else', async () => {
  const found = await survey(inPieces(archive(files), 300))
  const left = unneeded(found, 2)
  expect([...left]).toEqual(['c/layer.tar', 'a/layer.tar'])
  const wanted = archive(files.filter(({ name }) => !left.has(name)))
  expect(await all(without(inPieces(archive(files), 300), left))).toEqual(wanted)
  expect(await all(keptOf(found, left) ?? [])).toEqual(wanted)
  expect(await all(without(inPieces(archive(files), 300), unneeded(found, 0)))).toEqual(archive(files))
})

it('keeps small files of an archive, and reads it again for the others', async () => {
  const found = await survey(inPieces(archive(files), 300), 3500)
  // Two were too large for it.
  expect(keptOf(found, new Set(['a/layer.tar', layers[2]!]))).not.toBeNull()
  expect(keptOf(found, new Set(['a/layer.tar']))).toBeNull()
})

it('keeps what a missing layer has in common with one that is there', async () => {
  const linked = [
    { name: 'a/layer.tar', content: 'same' },
    { name: 'b/layer.tar', link: '../a/layer.tar' },
    {
      name: 'manifest.json',
      content: JSON.stringify([{ Config: 'c', Layers: ['a/layer.tar', 'b/layer.tar', 'a/layer.tar'] }]),
    },
  ]
  const found = await survey(inPieces(archive(linked), 512))
  expect([...unneeded(found, 1)]).toEqual([])
  expect([...unneeded(found, 2)]).toEqual(['b/layer.tar'])
  expect([...unneeded(found, 3)]).toEqual(['a/layer.tar', 'b/layer.tar'])
})

it('does not take an archive that was cut for a whole one, and ends its source when nobody reads on', async () => {
  const whole = archive(files)
  for (const cut of [100, 512, 1500, whole.length - 1024])
    await expect(all(without(inPieces(whole.subarray(0, cut), 512), new Set()))).rejects.toThrow('ended')
  let ended = false
  async function* source() {
    try {
      yield* inPieces(whole, 512)
    } finally {
      ended = true
    }
  }
  for await (const _ of without(source(), new Set())) break
  expect(ended).toBe(true)
})
