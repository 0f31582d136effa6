import { join } from 'node:path'
import { AppaloftError } from '@appaloft/core/spec'
import { type Files, localFiles } from './files.js'
import { unavailable } from './unavailable.js'

/*
 * The fence of a resource is a chain of files, each named after the mark that it follows: `after-5` says who came after 5. Only one can
 * have a name, so of many who raise the same mark one wins, in whichever process. None is ever changed.
 */

export interface Mark {
  token: number
  /** The attempt that raised it. */
  owner: string
}
const none: Mark = { token: 0, owner: '' }

/** So many are kept, for those who read a mark and then slept. */
const kept = 50

export const fenced = (resourceId: string, token: number, mark: number): AppaloftError =>
  new AppaloftError('fenced', { details: { resourceId, token, mark } })

const folderOf = (folder: string): string => join(folder, 'fence')
const follows = (name: string): number => Number(/^after-(\d+)$/.exec(name)?.[1] ?? -1)

async function chain(folder: string, files: Files): Promise<number[]> {
  const all = (await files.names(folderOf(folder))).map(follows).filter((one) => one >= 0)
  return all.sort((a, b) => b - a)
}

/** Of the resource whose folder this is. */
export async function readMark(folder: string, files: Files = localFiles): Promise<Mark> {
  const [last] = await chain(folder, files)
  if (last === undefined) return none
  const content = await files.text(join(folderOf(folder), `after-${last}`))
  const { token, owner } = JSON.parse(content ?? '{}') as Record<string, unknown>
  if (Number.isSafeInteger(token) && typeof owner === 'string') return { token: token as number, owner }
  throw unavailable('A fence among the proxy’s markers cannot be read.')
}

export interface Raise {
  folder: string
  group: number | null
  resourceId: string
  token: number
  expected: number
  owner: string
  files?: Files
}

export async function raiseMark(raise: Raise): Promise<void> {
  const { folder, group, resourceId, token, expected, owner, files = localFiles } = raise
  for (;;) {
    const mark = await readMark(folder, files)
    if (mark.token === token && mark.owner === owner) return
    if (mark.token !== expected || token <= mark.token) throw fenced(resourceId, token, mark.token)
    await files.folderFor(folderOf(folder), group)
    if (await files.claim(join(folderOf(folder), `after-${expected}`), JSON.stringify({ token, owner }))) break
  }
  for (const old of (await chain(folder, files)).slice(kept))
    await files.discard(join(folderOf(folder), `after-${old}`))
}
