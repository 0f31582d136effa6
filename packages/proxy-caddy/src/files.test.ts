import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localHost } from '@appaloft/core/host'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Files, localFiles } from './files.js'
import { caddy } from './index.js'
import { machineFiles } from './machine.js'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-files-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))
const at = (...names: string[]) => join(folder, ...names)
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

const kinds: [string, () => Files][] = [
  ['of this machine', () => localFiles],
  ['by the commands of a machine', () => machineFiles(localHost())],
]

describe.each(kinds)('markers %s', (_, make) => {
  const files = make()
  const odd = `1~a~dep_X~$(x) 'y'`

  it('are read where they are, and what is not there is none', async () => {
    expect(await files.names(at('none'))).toEqual([])
    expect(await files.text(at('none'))).toBeNull()
    expect(await files.writtenAt(at('none'))).toBe(0)
    await files.discard(at('none'))
    await writeFile(at(odd), 'in\n\nit ü')
    expect(await files.names(folder)).toEqual([odd])
    expect(await files.text(at(odd))).toBe('in\n\nit ü')
  })

  it('appear whole and private, and are replaced', async () => {
    await files.put(at(odd), 'one')
    await files.put(at(odd), 'two')
    expect(await readdir(folder)).toEqual([odd])
    expect(await files.text(at(odd))).toBe('two')
    expect(await mode(at(odd))).toBe('600')
    await files.touch(at('empty'))
    expect(await files.text(at('empty'))).toBe('')
    expect(await mode(at('empty'))).toBe('600')
    await files.discard(at(odd))
    expect(await readdir(folder)).toEqual(['empty'])
  })

  it('are claimed by one of many, and nothing is left of the others', async () => {
    const claims = await Promise.all(['a', 'b', 'c', 'd'].map((who) => files.claim(at('after-1'), who)))
    expect(claims.filter(Boolean)).toHaveLength(1)
    expect(await files.text(at('after-1'))).toBe('abcd'[claims.indexOf(true)])
    expect(await readdir(folder)).toEqual(['after-1'])
  })

  it('lie in folders of this user alone, or of one group', async () => {
    await files.folderFor(at('own/deep'), null)
    await files.folderFor(at('own/deep'), null)
    expect([await mode(at('own')), await mode(at('own/deep'))]).toEqual(['700', '700'])
    const { gid } = await stat(folder)
    await files.folderFor(at('shared/deep'), gid)
    expect([await mode(at('shared')), await mode(at('shared/deep'))]).toEqual(['750', '750'])
    await files.folderFor(at('own/deeper'), gid)
    expect([await mode(at('own')), await mode(at('own/deeper'))]).toEqual(['700', '750'])
  })

  it('never look older than they are', async () => {
    await files.put(at('new'), '')
    expect(Date.now() - (await files.writtenAt(at('new')))).toBeLessThanOrEqual(
      Date.now() - (await stat(at('new'))).mtimeMs,
    )
    const before = new Date(Date.now() - 3_600_000)
    await utimes(at('new'), before, before)
    const age = Date.now() - (await files.writtenAt(at('new')))
    expect(age).toBeGreaterThan(3_500_000)
  })

  it('that cannot be written are an error', async () => {
    await writeFile(at('file'), '')
    await expect(files.put(at('file/in'), '')).rejects.toThrow()
    await expect(files.claim(at('none/in'), '')).rejects.toThrow()
  })
})

it('a Caddy on another machine needs a folder there', () => {
  expect(() => caddy({ machine: localHost() })).toThrow(expect.objectContaining({ code: 'invalid-composition' }))
})
