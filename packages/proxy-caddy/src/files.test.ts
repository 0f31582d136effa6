import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localHost } from '@appaloft/core/host'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fenceText } from './chain.js'
import { type Files, type Look, localFiles, type Step } from './files.js'
import { caddy } from './index.js'
import { machineFiles } from './machine.js'
import { rankText } from './names.js'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-files-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))
const at = (...names: string[]) => join(folder, ...names)
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)
const nothing = { chain: [], fence: null, generations: [] }
const put = (path: string, content: string): Step => ({ do: 'put', path, content })
const folderAt = (path: string, group: number | null = null): Step => ({ do: 'folder', path, group })
const claim = (expected: number, token: number, owner = 'dep_x'): Step => ({
  do: 'claim',
  expected,
  content: fenceText(token, owner),
  group: null,
})
const name = (number: number, rest = 'a~dep_X~0') => `${rankText({ token: 1, number })}~${rest}`

const untimed = ({ generations, ...rest }: Look) => ({
  ...rest,
  generations: generations.map((one) => ({
    ...one,
    writtenAt: 0,
    newest: one.newest && { ...one.newest, writtenAt: 0 },
  })),
})

const kinds: [string, () => Files][] = [
  ['of this machine', () => localFiles],
  ['by the commands of a machine', () => machineFiles(localHost())],
]

describe.each(kinds)('markers %s', (_, make) => {
  const files = make()
  const odd = `a~dep_X~$(x) 'y' ü \\n%s`
  const text = `{"a":"$(x) 'y' \\\\n %s ü"}`

  it('are none where there is nothing', async () => {
    expect(await files.look(at('none'))).toEqual(nothing)
    expect(await files.look(at('none'), 'fences')).toEqual(nothing)
    expect(await files.change(at('none'), [{ do: 'discard', path: at('none', 'x') }])).toEqual({
      ...nothing,
      done: true,
    })
    expect(await readdir(folder)).toEqual([])
  })

  it('appear whole and private, are replaced, and the first by rank is told with its content', async () => {
    await files.change(folder, [folderAt(at('g1')), put(at('g1', name(1)), 'one')])
    const seen = await files.change(folder, [
      put(at('g1', name(1)), 'two'),
      { do: 'touch', path: at('g1', 'empty') },
      put(at('g1', name(3, odd)), text),
      put(at('g1', name(2)), 'three'),
    ])
    expect(seen.generations.map((one) => ({ ...one, names: one.names.sort(), writtenAt: 0 }))).toEqual([
      {
        name: 'g1',
        writtenAt: 0,
        names: [name(3, odd), name(2), name(1), 'empty'],
        newest: { name: name(3, odd), text, writtenAt: expect.any(Number) },
      },
    ])
    expect(await readFile(at('g1', name(1)), 'utf8')).toBe('two')
    expect(await readFile(at('g1', 'empty'), 'utf8')).toBe('')
    for (const one of [name(1), 'empty']) expect(await mode(at('g1', one))).toBe('600')
    await files.change(folder, [
      { do: 'discard', path: at('g1', name(3, odd)) },
      { do: 'discard', path: at('g1', 'empty') },
    ])
    expect((await readdir(at('g1'))).sort()).toEqual([name(2), name(1)])
  })

  it('raise a fence from what it was, by one of many, and nothing is left of the others', async () => {
    const owners = ['a', 'b', 'c', 'd']
    const seen = await Promise.all(owners.map((owner) => files.change(folder, [claim(0, 3, owner)])))
    const fences = new Set(seen.map(({ fence }) => fence))
    expect(fences.size).toBe(1)
    expect(owners.map((owner) => fenceText(3, owner))).toContain([...fences][0])
    expect(await readdir(at('fence'))).toEqual(['after-0'])
    expect(await files.change(folder, [claim(0, 9), put(at('after'), 'x')])).toMatchObject({ chain: [0] })
    expect(await files.change(folder, [claim(2, 9), put(at('after'), 'x')])).toMatchObject({ chain: [0] })
    expect(await files.change(folder, [claim(30, 90), put(at('after'), 'x')])).toMatchObject({ chain: [0] })
    expect(await readdir(folder)).toEqual(['fence'])
    for (const [from, to] of [
      [3, 20],
      [20, 100],
    ] as const)
      expect(await files.change(folder, [claim(from, to), put(at('after'), 'x')])).toMatchObject({
        fence: fenceText(to, 'dep_x'),
      })
    expect(await readdir(folder)).toContain('after')
    expect(await files.look(folder, 'fences')).toEqual({
      chain: [20, 3, 0],
      fence: fenceText(100, 'dep_x'),
      generations: [],
    })
  })

  it('are changed only where they are as they were seen, whenever they were written', async () => {
    await files.change(folder, [claim(0, 3), folderAt(at('g1')), folderAt(at('g2'))])
    const seen = await files.change(folder, [put(at('g1', name(1)), text), put(at('g1', name(2, odd)), text)])
    expect(seen.done).toBe(true)
    const after = put(at('g2', name(1)), 'after')
    const tried = async (expected: Look) => {
      const before = await files.look(folder)
      const { done, ...found } = await files.change(folder, [{ do: 'expect', seen: expected }, after])
      if (!done) expect(untimed(found)).toEqual(untimed(before))
      return done
    }
    const others: Step[][] = [
      [put(at('g1', name(2, odd)), `${text} `)],
      [{ do: 'touch', path: at('g1', 'empty') }],
      [{ do: 'discard', path: at('g1', name(1)) }],
      [put(at('g1', name(3)), text)],
      [folderAt(at('g3'))],
      [{ do: 'discard', path: at('g2') }],
      [claim(3, 4)],
    ]
    for (const steps of others) {
      const before = await files.look(folder)
      await files.change(folder, steps)
      expect(await tried(before), JSON.stringify(steps)).toBe(false)
    }
    await files.change(folder, [folderAt(at('g2'))])
    const old = new Date(Date.now() - 3_600_000)
    const last = await files.look(folder)
    for (const path of [at('g1', name(3)), at('g1'), at('g2')]) await utimes(path, old, old)
    expect(await tried(last)).toBe(true)
    expect(await readFile(at('g2', name(1)), 'utf8')).toBe('after')
    expect(await files.change(at('none'), [{ do: 'expect', seen: nothing }])).toEqual({ ...nothing, done: true })
  })

  it('lie in folders of this user alone, or of one group', async () => {
    const { gid } = await stat(folder)
    await files.change(folder, [folderAt(at('own/deep')), folderAt(at('own/deep'))])
    expect([await mode(at('own')), await mode(at('own/deep'))]).toEqual(['700', '700'])
    await files.change(folder, [folderAt(at('shared/deep'), gid), folderAt(at('own/deeper'), gid)])
    expect([await mode(at('shared')), await mode(at('shared/deep'))]).toEqual(['750', '750'])
    expect([await mode(at('own')), await mode(at('own/deeper'))]).toEqual(['700', '750'])
  })

  it('never look older than they are', async () => {
    const ages = async () => {
      const { generations } = await files.look(folder)
      return generations.map(({ writtenAt, newest }) => [writtenAt, newest?.writtenAt ?? 0])[0] ?? []
    }
    await files.change(folder, [folderAt(at('g1')), put(at('g1', name(1)), 'x')])
    for (const one of await ages()) expect(one).toBeGreaterThanOrEqual((await stat(at('g1', name(1)))).mtimeMs - 1)
    const before = new Date(Date.now() - 3_600_000)
    for (const path of [at('g1', name(1)), at('g1')]) await utimes(path, before, before)
    for (const one of await ages()) expect(Date.now() - one).toBeGreaterThan(3_500_000)
  })

  it('look no younger each time', async () => {
    const written = async () => (await files.look(folder)).generations[0]?.newest?.writtenAt ?? 0
    await files.change(folder, [folderAt(at('g1')), put(at('g1', name(1)), 'x')])
    const first = await written()
    await files.look(folder, 'fences')
    expect(await written()).toBeLessThanOrEqual(first)
    // Another one does not take over its age.
    const old = new Date(Date.now() - 3_600_000)
    let last = name(1)
    for (const [next, text] of [
      [name(1), 'y'],
      [name(2), 'y'],
    ] as const) {
      await utimes(at('g1', last), old, old)
      expect(Date.now() - (await written())).toBeGreaterThan(3_500_000)
      await files.change(folder, [put(at('g1', next), text)])
      expect(Date.now() - (await written())).toBeLessThan(1_800_000)
      last = next
    }
  })

  it('that cannot be written are an error, and what comes after is not done', async () => {
    await writeFile(at('file'), '')
    const after = { do: 'touch', path: at('after') } as const
    await expect(files.change(folder, [put(at('file/in'), ''), after])).rejects.toThrow()
    await expect(files.change(folder, [{ do: 'touch', path: at('none/in') }, after])).rejects.toThrow()
    await mkdir(at('fence'))
    await mkdir(at('fence', 'after-0'))
    await expect(files.change(folder, [claim(0, 1), after])).rejects.toThrow()
    expect((await readdir(folder)).sort()).toEqual(['fence', 'file'])
  })
})

it('a Caddy on another machine needs a folder there', () => {
  expect(() => caddy({ machine: localHost() })).toThrow(expect.objectContaining({ code: 'invalid-composition' }))
})
