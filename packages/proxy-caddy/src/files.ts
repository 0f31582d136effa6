import { randomUUID } from 'node:crypto'
import { chmod, chown, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { chainOf, fenceFolder, followsFrom } from './chain.js'
import { ranked } from './names.js'

/** A folder of states, of one set of routes. */
export interface Generation {
  name: string
  /** In milliseconds of this machine's wall clock, at the latest. */
  writtenAt: number
  /** Of all that is in it. */
  names: string[]
  /** The first by rank, with its content. */
  newest: { name: string; text: string; writtenAt: number } | null
}

/** What is there of a resource. */
export interface Look {
  /** The marks that the fences follow, the highest first. */
  chain: number[]
  /** What the last fence says; null: there is none. */
  fence: string | null
  generations: Generation[]
}

export type Step =
  /** Private folders on the way to a file: of this user alone, or readable to one group too. */
  | { do: 'folder'; path: string; group: number | null }
  /** An empty file: its name is what matters. */
  | { do: 'touch'; path: string }
  /** Durable, whole or not at all; what has this name is replaced. */
  | { do: 'put'; path: string; content: string }
  /** Also where it is not there, and with all in it. */
  | { do: 'discard'; path: string }
  /** The fence after `expected`, if that is the mark, made durably by one of many. Where it cannot be made, nothing that comes after it is done. */
  | { do: 'claim'; expected: number; content: string; group: number | null }
  /** What has to be there, whenever it was written. Where something else is, nothing that comes after this is done. */
  | { do: 'expect'; seen: Expected }

export type Expected = Pick<Look, 'fence' | 'generations'>

export interface Changed extends Look {
  /** False: a step did not find what it asks for, and what comes after it was not done. */
  done: boolean
}

/** What is done with the markers, wherever they are. Contents are one line each. */
export interface Files {
  /** The folder of a resource. With `fences`, its fences alone. Where there is none, nothing is there. */
  look(folder: string, only?: 'fences'): Promise<Look>
  /** One after the other; then another look. */
  change(folder: string, steps: readonly Step[]): Promise<Changed>
}

/** All that is compared of what is there, a line each. */
export const linesOf = ({ fence, generations }: Expected): string[] => [
  ...(fence === null ? [] : [`fence ${fence}`]),
  ...generations.flatMap(({ name, names, newest }) => [
    `generation ${name}`,
    ...names.map((one) => `name ${one}`),
    ...(newest === null ? [] : [`newest ${newest.name}`, `text ${newest.text}`]),
  ]),
]

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

async function names(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return []
    throw error
  }
}

async function text(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

const writtenAt = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.mtimeMs ?? 0

async function lookAtFence(folder: string): Promise<Pick<Look, 'chain' | 'fence'>> {
  const chain = chainOf(await names(join(folder, fenceFolder)))
  const [last] = chain
  return { chain, fence: last === undefined ? null : await text(join(folder, fenceFolder, `after-${last}`)) }
}

async function lookAtGeneration(folder: string, name: string): Promise<Generation> {
  const path = join(folder, name)
  for (;;) {
    const [all, at] = await Promise.all([names(path), writtenAt(path)])
    const [first] = ranked(all)
    if (first === undefined) return { name, writtenAt: at, names: all, newest: null }
    const [content, written] = await Promise.all([text(join(path, first)), writtenAt(join(path, first))])
    // Gone meanwhile: there is a newer one.
    if (content === null) continue
    return { name, writtenAt: at, names: all, newest: { name: first, text: content, writtenAt: written } }
  }
}

async function look(folder: string, only?: 'fences'): Promise<Look> {
  if (only === 'fences') return { ...(await lookAtFence(folder)), generations: [] }
  const [fences, all] = await Promise.all([lookAtFence(folder), names(folder)])
  const generations = all.filter((name) => name.startsWith('g'))
  return { ...fences, generations: await Promise.all(generations.map((name) => lookAtGeneration(folder, name))) }
}

async function change(folder: string, steps: readonly Step[]): Promise<Changed> {
  for (const step of steps) if (!(await done(folder, step))) return { ...(await look(folder)), done: false }
  return { ...(await look(folder)), done: true }
}

/** False: nothing after it may be done. */
async function done(folder: string, step: Step): Promise<boolean> {
  if (step.do === 'folder') await folderFor(step.path, step.group)
  else if (step.do === 'touch') await (await open(step.path, 'w', 0o600)).close()
  else if (step.do === 'discard') await rm(step.path, { recursive: true, force: true })
  else if (step.do === 'put') await written(step.path, step.content, (temporary) => rename(temporary, step.path))
  else if (step.do === 'expect') return isDeepStrictEqual(linesOf(await look(folder)), linesOf(step.seen))
  else return await claimed(folder, step)
  return true
}

async function claimed(folder: string, { expected, content, group }: Extract<Step, { do: 'claim' }>): Promise<boolean> {
  const { fence } = await lookAtFence(folder)
  if (!followsFrom(fence, expected)) return false
  const path = join(folder, fenceFolder, `after-${expected}`)
  await folderFor(dirname(path), group)
  let made = true
  await written(path, content, async (temporary) => {
    try {
      await link(temporary, path)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
      made = false
    }
    await rm(temporary, { force: true })
  })
  return made
}

async function folderFor(path: string, group: number | null): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined || group === null) return
  for (let at = path; ; at = dirname(at)) {
    await chown(at, -1, group)
    await chmod(at, 0o750)
    if (at === first) return
  }
}

async function written(path: string, content: string, name: (temporary: string) => Promise<void>): Promise<void> {
  const folder = dirname(path)
  const temporary = join(folder, `new-${randomUUID()}`)
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  } finally {
    await file.close()
  }
  await name(temporary)
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Those of this machine. */
export const localFiles: Files = { look, change }
