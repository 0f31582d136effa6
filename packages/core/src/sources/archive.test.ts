import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { Header } from 'tar'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../engine/clock.js'
import { openArchive } from './archive.js'
import { openSource, type SourceContext } from './index.js'

let base: string
let stateDir: string
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'appaloft-archive-')))
  stateDir = join(base, 'state')
})
afterEach(async () => {
  vi.unstubAllGlobals()
  await rm(base, { recursive: true, force: true })
})

interface Packed {
  name: string
  content?: string | Buffer
  /** Unix mode with its type bits. */
  mode?: number
  link?: string
  type?: string
  crc?: number
  declared?: number
}

const fileMode = 0o100644

function zip(entries: readonly Packed[], { system = 3, count = entries.length } = {}): Buffer {
  const locals: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const { name, content = '', mode = fileMode, link, crc, declared } of entries) {
    const data = Buffer.from(link ?? content)
    const packed = deflateRawSync(data)
    const nameBytes = Buffer.from(name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x800, 2)
    common.writeUInt16LE(8, 4)
    common.writeUInt32LE(crc ?? crc32(data), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(declared ?? data.length, 18)
    common.writeUInt16LE(nameBytes.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, nameBytes, packed])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(((mode & 0xffff) << 16) >>> 0, 6)
    rest.writeUInt32LE(offset, 10)
    central.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, system]), common, rest, nameBytes]))
    locals.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(count, 4)
  end.writeUInt16LE(count, 6)
  end.writeUInt32LE(directory.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...locals, directory, Buffer.from('PK\x05\x06'), end])
}

const tarType = (mode: number, link?: string) =>
  link !== undefined ? 'SymbolicLink' : (mode & 0o170000) === 0o040000 ? 'Directory' : 'File'

function tar(entries: readonly Packed[]): Buffer {
  const blocks: Buffer[] = []
  for (const { name, content = '', mode = fileMode, link, type, declared } of entries) {
    const data = Buffer.from(content)
    const header = new Header({
      path: name,
      mode: mode & 0o777,
      type: (type ?? tarType(mode, link)) as 'File',
      linkpath: link,
      size: declared ?? data.length,
      mtime: new Date(0),
    })
    const block = Buffer.alloc(512)
    header.encode(block)
    blocks.push(block, data, Buffer.alloc((512 - (data.length % 512)) % 512))
  }
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const context = (): SourceContext => ({ stateDir, clock: systemClock(), signal: AbortSignal.timeout(20_000) })
const open = async (bytes: Buffer, rest: { sha256?: string } = {}, name = 'app.bin') => {
  await writeFile(join(base, name), bytes)
  return openSource({ kind: 'archive', path: join(base, name), ...rest }, context())
}
const refused = async (opening: Promise<unknown>) => {
  const error = await opening.then(
    () => expect.unreachable('it was accepted'),
    (reason) => reason,
  )
  expect(error).toMatchObject({ code: 'source-unreadable', phase: 'detect' })
  expect(error.message).not.toContain(base)
  expect(await readdir(join(stateDir, 'sources')).catch(() => [])).toEqual([])
  expect((await readdir(base)).sort().filter((name) => !['app.bin', 'state', 'victim'].includes(name))).toEqual([])
  return error.message as string
}

describe.each([
  ['zip', zip],
  ['tar.gz', tar],
])('%s', (format, pack) => {
  it('is unpacked: folders, modes, links, any name', async () => {
    const names = ['a b', "it's", '$(x)', 'ü😀', 'new\nline', '-rf', '*', '[id]']
    const source = await open(
      pack([
        { name: 'dir/', mode: 0o040755 },
        { name: './dir/run.sh', content: '#!', mode: 0o100755 },
        { name: 'deep/er/link', link: '../../dir/run.sh', mode: 0o120777 },
        ...names.map((name) => ({ name: `n/${name}`, content: name })),
      ]),
    )
    expect(source.identity).toMatchObject({ kind: 'archive', name: 'app.bin', files: names.length + 1 })
    expect(await source.tree.readText('deep/er/link')).toBe('#!')
    const copy = await source.materialise({ signal: AbortSignal.timeout(10_000) })
    expect((await lstat(join(copy, 'dir', 'run.sh'))).mode & 0o777).toBe(0o755)
    expect((await lstat(join(copy, 'n', 'a b'))).mode & 0o777).toBe(0o644)
    expect(await readlink(join(copy, 'deep/er/link'))).toBe('../../dir/run.sh')
    for (const name of names) expect(await source.tree.readText(`n/${name}`)).toBe(name)
  })

  it('has the identity of its content, not of its packing', async () => {
    const one = await open(
      pack([
        { name: 'a', content: '1' },
        { name: 'b', content: '2' },
      ]),
    )
    const other = await open(
      pack([
        { name: './b', content: '2' },
        { name: 'a', content: '1' },
      ]),
    )
    expect(other.identity.digest).toBe(one.identity.digest)
    expect((await open(pack([{ name: 'a', content: '1' }]))).identity.digest).not.toBe(one.identity.digest)
  })

  it.each(['../evil', 'a/../../evil', 'a/../b', '/evil', '//evil', 'C:/evil', '..'])(
    'refuses an entry outside: %s',
    async (name) => {
      // The tar library cannot write every name in a header; those come from zip alone.
      expect(
        await refused(
          open(
            pack([
              { name: 'ok', content: 'x' },
              { name, content: 'evil' },
            ]),
          ),
        ),
      ).toContain('outside of it')
    },
  )

  it.each([
    ['absolute', [{ name: 'l', link: '/etc/passwd', mode: 0o120777 }]],
    ['upwards', [{ name: 'd/l', link: '../../evil', mode: 0o120777 }]],
    [
      'through another one',
      [
        { name: 'l', link: 'm/../..', mode: 0o120777 },
        { name: 'm', link: '.', mode: 0o120777 },
      ],
    ],
  ])('refuses a link out: %s', async (_, entries) => {
    expect(await refused(open(pack(entries)))).toContain('leads out of the source')
  })

  it('writes nothing through a link, whatever the order', async () => {
    await mkdir(join(base, 'victim'))
    const link = { name: 'd', link: join(base, 'victim'), mode: 0o120777 }
    const through = { name: 'd/evil', content: 'evil' }
    expect(await refused(open(pack([link, through])))).toContain('twice, as different things')
    expect(await refused(open(pack([through, link])))).toContain('twice, as different things')
    expect(await refused(open(pack([link, { name: 'd', content: 'evil' }])))).toContain('twice')
    expect(await readdir(join(base, 'victim'))).toEqual([])
  })

  it('refuses more than the limits, also what was declared smaller', async () => {
    const limits = { bytes: 10_000, entries: 20 }
    const small = async (bytes: Buffer) => {
      await writeFile(join(base, 'app.bin'), bytes)
      return openArchive({ kind: 'archive', path: join(base, 'app.bin') }, context(), limits)
    }
    const big = Buffer.alloc(6000, 'x')
    expect(
      await refused(
        small(
          pack([
            { name: 'a', content: big },
            { name: 'b', content: big },
          ]),
        ),
      ),
    ).toContain('more than 9.8 KiB')
    const many = Array.from({ length: 21 }, (_, i) => ({ name: `f${i}` }))
    expect(await refused(small(pack(many)))).toContain('more than 20 entries')
    expect(await refused(small(pack([{ name: `${'a/'.repeat(30)}x` }])))).toContain('more than 20 entries')
    const sparse = pack([{ name: 'a', content: Buffer.alloc(900_000) }])
    expect(sparse.length).toBeLessThan(2000)
    expect(await refused(small(sparse))).toContain('more than 9.8 KiB')
  })

  it('is checked against its sha256', async () => {
    const bytes = pack([{ name: 'a' }])
    expect((await open(bytes, { sha256: sha256(bytes) })).identity.files).toBe(1)
    await rm(stateDir, { recursive: true })
    expect(await refused(open(bytes, { sha256: '0'.repeat(64) }))).toContain('sha256')
  })

  it('is refused when it was cut or damaged', async () => {
    const bytes = pack([{ name: 'a', content: Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251)) }])
    expect(await refused(open(bytes.subarray(0, bytes.length >> 1)))).toContain('damaged')
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(200) ^ 0xff, 200)
    expect(await refused(open(changed))).toContain('damaged')
  })

  it('is unpacked once, and again when the copy is gone', async () => {
    const bytes = pack([{ name: 'a', content: 'x' }])
    const source = await open(bytes)
    const copy = await source.materialise({ signal: AbortSignal.timeout(10_000) })
    expect((await open(bytes)).identity).toEqual(source.identity)
    await rm(join(stateDir, 'sources'), { recursive: true })
    expect(await source.materialise({ signal: AbortSignal.timeout(10_000) })).toBe(copy)
    expect(await readFile(join(copy, 'a'), 'utf8')).toBe('x')
    await rm(join(stateDir, 'sources'), { recursive: true })
    await writeFile(join(base, 'app.bin'), pack([{ name: 'a', content: 'y' }]))
    await expect(source.materialise({ signal: AbortSignal.timeout(10_000) })).rejects.toMatchObject({
      code: 'plan-stale',
      phase: 'execute',
    })
  })

  it('may be empty', async () => {
    expect((await open(format === 'zip' ? zip([]) : pack([{ name: './', mode: 0o040755 }]))).identity.files).toBe(0)
  })
})

describe('zip alone', () => {
  it('refuses devices, wrong checksums and wrong sizes', async () => {
    expect(await refused(open(zip([{ name: 'dev', mode: 0o020666 }])))).toContain('neither a file')
    expect(await refused(open(zip([{ name: 'pipe', mode: 0o010666 }])))).toContain('neither a file')
    expect(await refused(open(zip([{ name: 'a', content: 'x', crc: 1 }])))).toContain('checksum')
    expect(await refused(open(zip([{ name: 'a', content: 'xyz', declared: 2 }])))).toContain('damaged')
  })

  it('refuses a bomb by its declared size, before it is unpacked', async () => {
    const bytes = zip(Array.from({ length: 700 }, (_, i) => ({ name: `f${i}`, content: '', declared: 4_000_000 })))
    expect(await refused(open(bytes))).toContain('more than 2 GiB')
  })

  it('takes names of Windows for paths, and its attributes for no mode', async () => {
    const source = await open(zip([{ name: 'a\\b', content: 'x', mode: 0o120777 }], { system: 0 }))
    expect(await source.tree.readText('a/b')).toBe('x')
    expect(
      await refused(
        open(zip([{ name: '..\\evil', content: 'x' }], { system: 0 })).catch(async (error) => {
          await rm(join(stateDir, 'sources'), { recursive: true })
          throw error
        }),
      ),
    ).toContain('outside of it')
  })
})

describe('tar.gz alone', () => {
  it.each(['FIFO', 'CharacterDevice', 'BlockDevice'])('refuses %s', async (type) => {
    expect(await refused(open(tar([{ name: 'x', type }])))).toMatch(/"x", which is a (?:named pipe|device)/)
  })

  it('makes files of hard links inside, and refuses those that lead out', async () => {
    const source = await open(
      tar([
        { name: 'a', content: 'x' },
        { name: 'd/b', type: 'Link', link: 'a' },
      ]),
    )
    expect(await source.tree.readText('d/b')).toBe('x')
    await rm(stateDir, { recursive: true })
    await writeFile(join(base, 'victim'), 'secret')
    for (const link of ['/etc/passwd', '../../../victim', 'd/../../victim']) {
      expect(await refused(open(tar([{ name: 'b', type: 'Link', link }])))).toContain('outside of it')
    }
    expect(await refused(open(tar([{ name: 'b', type: 'Link', link: 'later' }, { name: 'later' }])))).toContain(
      'no file of the archive',
    )
    const link = { name: 'l', link: '../../../../../etc/passwd', mode: 0o120777 }
    expect(await refused(open(tar([link, { name: 'b', type: 'Link', link: 'l' }])))).toContain('no file of the archive')
  })

  it('takes the later one of two files with one name', async () => {
    const source = await open(
      tar([
        { name: 'a', content: '1' },
        { name: './a', content: '2' },
      ]),
    )
    expect(await source.tree.readText('a')).toBe('2')
  })

  it.each(['gnu', 'posix', 'ustar'])('reads what tar writes, long names included: %s', async (format) => {
    const folder = join(base, 'victim')
    // ustar holds no more than this.
    const length = format === 'ustar' ? 45 : 200
    const long = `${'ü'.repeat(length >> 1)}/${'y'.repeat(length)}`
    await mkdir(join(folder, long, '..'), { recursive: true })
    await writeFile(join(folder, long), 'long')
    await symlink(long, join(folder, 'l'))
    execFileSync('tar', ['-czf', join(base, 'app.tgz'), `--format=${format}`, '-C', folder, '.'])
    const source = await openSource({ kind: 'archive', path: join(base, 'app.tgz') }, context())
    expect(await source.tree.readText('l')).toBe('long')
  })

  it('refuses a bomb', async () => {
    const zeros = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    // Concatenated streams are one stream: 64 MiB of zeros behind a header that promises 8 GiB.
    const header = Buffer.alloc(512)
    new Header({ path: 'zeros', size: 8 * 1024 ** 3 - 1, type: 'File', mode: 0o644, mtime: new Date(0) }).encode(header)
    const bomb = Buffer.concat([gzipSync(header), ...Array.from({ length: 3 }, () => zeros)])
    const limits = { bytes: 100 * 1024 * 1024, entries: 10 }
    await writeFile(join(base, 'app.bin'), bomb)
    const opening = openArchive({ kind: 'archive', path: join(base, 'app.bin') }, context(), limits)
    expect(await refused(opening)).toMatch(/more than 100 MiB|damaged/)
  })
})

describe('an archive', () => {
  it('is told by its first bytes', async () => {
    expect(await refused(open(Buffer.from('hello')))).toContain('neither a .zip nor a .tar.gz')
    expect(await refused(open(Buffer.alloc(0)))).toContain('neither')
  })

  it('must be a file that is there', async () => {
    const at = (path: string) => openSource({ kind: 'archive', path }, context())
    expect(await refused(at(join(base, 'nothing.zip')))).toContain('"nothing.zip"')
    expect(await refused(at(base))).toContain('not a regular file')
    execFileSync('mkfifo', [join(base, 'victim')])
    expect(await refused(at(join(base, 'victim')))).toContain('not a regular file')
  })
})

describe('an archive from a URL', () => {
  const bytes = zip([{ name: 'a', content: 'x' }])
  const serve = (answer: (url: string) => Response | Promise<Response>) => {
    const asked: string[] = []
    vi.stubGlobal('fetch', async (url: URL) => {
      asked.push(String(url))
      return answer(String(url))
    })
    return asked
  }
  const get = (url: string, rest: { sha256?: string } = {}) => openSource({ kind: 'archive', url, ...rest }, context())

  it('is fetched, checked and named without its query', async () => {
    serve(() => new Response(bytes))
    const source = await get('https://files.example.com/x/app.zip?signature=s3cret', { sha256: sha256(bytes) })
    expect(source.identity).toMatchObject({ url: 'https://files.example.com/x/app.zip', name: 'app.zip', files: 1 })
    expect(JSON.stringify(source.identity)).not.toContain('s3cret')
    expect(await source.tree.readText('a')).toBe('x')
  })

  it('is not fetched twice where its sha256 is given', async () => {
    const asked = serve(() => new Response(bytes))
    await get('https://h.example/a.zip', { sha256: sha256(bytes) })
    await get('https://h.example/a.zip', { sha256: sha256(bytes) })
    expect(asked).toHaveLength(1)
    await get('https://h.example/a.zip')
    expect(asked).toHaveLength(2)
  })

  it('may be redirected, to https alone and not for ever', async () => {
    const to = (location: string) => new Response(null, { status: 302, headers: { location } })
    serve((url) => (url.endsWith('/a') ? to('/b') : new Response(bytes)))
    expect((await get('https://h.example/a')).identity.files).toBe(1)
    await rm(stateDir, { recursive: true })
    serve(() => to('http://h.example/b'))
    expect(await refused(get('https://h.example/a'))).toContain('something else than https')
    const asked = serve(() => to('/again'))
    expect(await refused(get('https://h.example/a'))).toContain('too often')
    expect(asked).toHaveLength(6)
  })

  it('must be https, without user information', async () => {
    expect(await refused(get('http://h.example/a.zip'))).toContain('https')
    expect(await refused(get('file:///etc/passwd'))).toContain('https')
    expect(await refused(get('nonsense'))).toContain('valid URL')
    await expect(get('https://u:p@h.example/a')).rejects.toMatchObject({ code: 'credentials-in-url' })
  })

  it('says what went wrong, and whether to try again', async () => {
    serve(() => new Response('no', { status: 404 }))
    await expect(get('https://h.example/a?s3cret')).rejects.toMatchObject({
      message: expect.stringContaining('404'),
      retriable: false,
    })
    serve(() => new Response('no', { status: 503 }))
    await expect(get('https://h.example/a')).rejects.toMatchObject({ code: 'source-unreadable', retriable: true })
    serve(() => Promise.reject(new TypeError('fetch failed')))
    const error = await get('https://h.example/a?s3cret').catch((e) => e)
    expect(error).toMatchObject({ code: 'source-unreadable', retriable: true })
    expect(error.message).not.toContain('s3cret')
  })

  it('may not be endless', async () => {
    const chunk = new Uint8Array(1024)
    serve(() => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) })))
    const opening = openArchive({ kind: 'archive', url: 'https://h.example/a' }, context(), {
      bytes: 100_000,
      entries: 10,
    })
    expect(await refused(opening)).toContain('larger than 97.7 KiB')
  })
})
