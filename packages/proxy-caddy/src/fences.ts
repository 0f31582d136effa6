import { join } from 'node:path'
import { AppaloftError } from '@appaloft/core/spec'
import { fenceFolder, fenceText } from './chain.js'
import { type Changed, type Files, type Look, localFiles, type Step } from './files.js'
import { unavailable } from './unavailable.js'

export interface Mark {
  token: number
  /** The attempt that raised it. */
  owner: string
}

/** So many are kept, for those who read a mark and then slept. */
const kept = 50

export const fenced = (resourceId: string, token: number, mark: number): AppaloftError =>
  new AppaloftError('fenced', { details: { resourceId, token, mark } })

/** Of the resource that was looked at. */
export function markOf({ fence }: Pick<Look, 'fence'>): Mark {
  if (fence === null) return { token: 0, owner: '' }
  const { token, owner } = JSON.parse(fence) as Record<string, unknown>
  if (Number.isSafeInteger(token) && typeof owner === 'string') return { token: token as number, owner }
  throw unavailable('A fence among the proxy’s markers cannot be read.')
}

export interface Raise {
  /** Of the resource. */
  folder: string
  group: number | null
  resourceId: string
  token: number
  expected: number
  owner: string
  files?: Files
  /** What is done in the same go, once it is raised. */
  then?: readonly Step[]
}

/** Answers what is there once it is raised. */
export async function raiseMark(raise: Raise): Promise<Changed> {
  const { folder, group, resourceId, token, expected, owner, files = localFiles, then = [] } = raise
  const content = fenceText(token, owner)
  // One that would not rise is not even tried: who calls again for what was raised before finds it.
  const rises = token > expected
  const seen = rises
    ? await files.change(folder, [{ do: 'claim', expected, content, group }, ...then])
    : { ...(await files.look(folder)), done: false }
  const mark = markOf(seen)
  if (mark.token === token && mark.owner === owner) return seen
  throw fenced(resourceId, token, mark.token)
}

export const outdatedFences = (folder: string, { chain }: Pick<Look, 'chain'>): Step[] =>
  chain.slice(kept).map((old) => ({ do: 'discard', path: join(folder, fenceFolder, `after-${old}`) }))
