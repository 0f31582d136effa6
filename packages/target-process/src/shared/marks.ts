import { dirname } from 'node:path'
import { CodedError } from './errors.js'
import { makeFolder, readRecord, writeJson } from './files.js'
import type { Layout } from './paths.js'

export interface Mark {
  token: number
  owner: string
}

/** The fence of a resource; null: none was raised. A mark that cannot be read is an error: guessing 0 would let a loser in. */
export function readMark(layout: Layout, resourceId: string): Mark | null {
  const path = layout.mark(resourceId)
  const record = readRecord(path)
  if (record === null) return null
  const { token, owner } = record
  if (typeof token !== 'number' || typeof owner !== 'string')
    throw new CodedError('runtime-backend-unavailable', `The fence of ${resourceId} cannot be read.`)
  return { token, owner }
}

export function checkMark(layout: Layout, resourceId: string, token: number): void {
  const present = readMark(layout, resourceId)?.token ?? 0
  if (token < present) throw fenced(resourceId, token, present)
}

/** Compare-and-set. Only the keeper calls it: one process a state folder, so that nothing comes between the two. */
export function raiseMark(layout: Layout, resourceId: string, next: Mark, expected: number): void {
  const mark = readMark(layout, resourceId)
  if (mark !== null && mark.token === next.token && mark.owner === next.owner) return
  const present = mark?.token ?? 0
  if (present !== expected || next.token <= present) throw fenced(resourceId, next.token, present)
  const path = layout.mark(resourceId)
  makeFolder(dirname(path))
  writeJson(path, next, { durable: true })
}

const fenced = (resourceId: string, token: number, present: number) =>
  new CodedError('fenced', `Token ${token} for ${resourceId} was refused: the fence stands at ${present}.`, {
    resourceId,
    token,
    present,
  })
