import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type CallOptions, hasCode, type RouteTable } from '@appaloft/core/spec'
import type { Configuration } from './admin.js'
import type { Entry } from './entries.js'
import { markOf } from './fences.js'
import type { Generation, Look, Step } from './files.js'
import type { Rank } from './names.js'
import type { Settings } from './options.js'
import { foreignHostnames } from './place.js'
import type { Found, Read, Resource } from './resource.js'
import { nextRank, type Ranked, type State, stateIn, stateOf, writing } from './states.js'
import { entriesFor, refuseConflict, sorted } from './tables.js'

export interface Applying {
  resource: Resource
  /** As it was checked. */
  wanted: RouteTable
  token: number
  settings: Settings
  /** Of the markers, as Caddy sees it. */
  root: string
}

/** A generation that is out of use may still be looked at by requests that came under the former configuration. */
const keptMs = 60_000

const unused = ({ generations }: Look, used: string): Generation[] =>
  generations.filter(({ name, writtenAt }) => name !== used && Date.now() - writtenAt > keptMs)

/** Makes what is served equal to the table. Answers the configuration that says so. */
export async function applyTable(applying: Applying, options: CallOptions = {}): Promise<Read> {
  const { resource, wanted, token, root } = applying
  const { ours, id } = resource
  const tried = await asSeenLast(applying, options)
  const { seen, read: running } = tried ?? (await resource.lookAndRead(options))
  const read = running ?? (await ours.read(options))
  const { mark, entries, current, before } = standOf(applying, seen, read)
  refuse(applying, ours.entries(read), read)
  let compared = false
  /** Also what lies about too long. A loser of the fence that was faster than its check: what it wrote ranks below the winner's. */
  const put = async (generation: string) => {
    const steps = putting(applying, seen, { generation, rank: nextRank(mark, before), state: stateOf(wanted, before) })
    if (generation === current) steps.push(...resource.discarding(unused(seen, generation)))
    resource.allowed(token, await resource.change(steps))
    compared = true
  }
  const allowed = async () => {
    // The change told it just now.
    if (!compared) resource.allowed(token, await resource.look('fences'))
    compared = false
  }
  const changing = (generation: string) => {
    const withOurs = (present: Entry[], now: Configuration) => {
      refuse(applying, present, now)
      return [...present.filter((entry) => entry.resourceId !== id), ...entriesFor(id, generation, wanted.routes)]
    }
    return ours.change({ entries: withOurs, allowed, root, known: read }, options)
  }
  if (current !== null && isSame(applying, entries, current)) {
    if (tried?.done !== true) await put(current)
    // Other options than those that it was written with, or another version.
    await changing(current).catch((error: unknown) => {
      // What is served is as the table says, at the former place: enough to go back to.
      if (wanted.verify !== null || !hasCode(error, 'runtime-backend-unavailable')) throw error
    })
    return ours.last ?? read
  }
  const generation = `g${Date.now().toString(36)}${randomBytes(4).toString('hex')}`
  try {
    // Before its mark is compared: a new holder who did not see it has raised the mark before this.
    await put(generation)
    await changing(generation)
  } catch (error) {
    const now = await ours.read().catch(() => null)
    if (now !== null && resource.entries(now)[0]?.generation !== generation)
      await resource.change([{ do: 'discard', path: resource.at(generation) }])
    throw error
  }
  const left = unused(seen, generation)
  if (left.length > 0) await resource.change(resource.discarding(left))
  return ours.last ?? read
}

interface Tried extends Found {
  /** The table is where it belongs. */
  done: boolean
}

/**
 * Puts the table where it belonged when it was seen last, in the one command that compares what is there; the configuration is read beside
 * it. Where that says that it belongs elsewhere, nobody is served by what was put. Null: it has to be looked at first.
 */
async function asSeenLast(applying: Applying, options: CallOptions): Promise<Tried | null> {
  const { resource, wanted, token } = applying
  const { last: seen, ours } = resource
  const read = ours.last
  if (seen === null || read === null || token < markOf(seen).token) return null
  const { mark, entries, current, before } = standOf(applying, seen, read)
  if (current === null || before === null || !isSame(applying, entries, current)) return null
  // What is out of use, or in conflict, is told by a configuration of now.
  if (unused(seen, current).length > 0 || isRefused(applying, ours.entries(read), read)) return null
  const running = ours.peek(options)
  // Waited for below.
  running.catch(() => undefined)
  const putAfter = (present: Look, last: Ranked | null, state: State) =>
    putting(applying, present, { generation: current, rank: nextRank(mark, last), state })
  const changed = await resource.change([{ do: 'expect', seen }, ...putAfter(seen, before, stateOf(wanted, before))])
  resource.allowed(token, changed)
  try {
    // Somebody was faster, and may have changed the configuration since it was read.
    const read = changed.done ? await running : await ours.peek(options)
    const found = await resource.matching(changed, read, options)
    if (!changed.done || found.read === null) return { ...found, done: false }
    refuse(applying, ours.entries(found.read), found.read)
    return isSame(applying, resource.entries(found.read), current) ? { ...found, done: true } : null
  } catch (error) {
    // It may not be, or nobody can tell: users get what they had. Where that fails too, the first error says why.
    const { before: now } = standOf(applying, changed, read)
    if (changed.done) await resource.change(putAfter(changed, now, stateOf(before.table, now))).catch(() => undefined)
    throw error
  }
}

function standOf({ resource, token }: Applying, seen: Look, read: Read) {
  const mark = resource.allowed(token, seen)
  const entries = resource.entries(read)
  const current = entries[0]?.generation ?? null
  const serving = seen.generations.find(({ name }) => name === current)
  return { mark, entries, current, before: serving === undefined ? null : stateIn(serving) }
}

const isSame = ({ resource, wanted }: Applying, entries: readonly Entry[], generation: string): boolean =>
  isDeepStrictEqual(sorted(entries), sorted(entriesFor(resource.id, generation, wanted.routes)))

const refuse = ({ resource, wanted, settings }: Applying, present: readonly Entry[], { config }: Read): void =>
  refuseConflict(resource.id, wanted.routes, present, foreignHostnames(config, settings))

function isRefused(...asked: Parameters<typeof refuse>): boolean {
  try {
    refuse(...asked)
    return false
  } catch {
    return true
  }
}

interface Putting {
  generation: string
  rank: Rank
  state: State
}

function putting(
  { resource, settings: { group } }: Applying,
  seen: Look,
  { generation, rank, state }: Putting,
): Step[] {
  const present = seen.generations.find(({ name }) => name === generation)?.names ?? []
  return writing({ folder: resource.at(generation), group, rank, state, present })
}
