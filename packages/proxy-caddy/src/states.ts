import { join } from 'node:path'
import { type RouteTable, routeTableSchema, type UpstreamSet, upstreamSetSchema } from '@appaloft/core/spec'
import type { Generation, Step } from './files.js'
import { highestNumber, parseRank, type Rank, ranked, rankText, setText } from './names.js'
import { unavailable } from './unavailable.js'

/*
 * The states of one generation: a file each, named by rank, whose name is the marker of the live upstream set and whose content is the
 * table. What its token chooses is in a folder beside it, made before it.
 */

export interface State {
  /** Null: a place holder, so that nothing of a lower rank counts. */
  table: RouteTable | null
  /** Sets that were replaced, the latest first: requests may still run there. */
  former: UpstreamSet[]
}
export type Ranked = State & { rank: Rank; at: number }

/** Requests that were on their way when a newer one came still look at the others. */
const keptStates = 3
const keptFormer = 6

/** Of a generation; null: it has none. */
export function stateIn({ newest }: Generation): Ranked | null {
  if (newest === null) return null
  return { ...parsed(newest.text), rank: parseRank(newest.name)!, at: newest.writtenAt }
}

const formerSchema = upstreamSetSchema.array()

function parsed(content: string): State {
  try {
    const { table, former } = JSON.parse(content) as Record<string, unknown>
    return { table: table === null ? null : routeTableSchema.parse(table), former: formerSchema.parse(former) }
  } catch {
    throw unavailable('A marker of the proxy cannot be read by this version.')
  }
}

export interface Write {
  /** Of the generation. */
  folder: string
  group: number | null
  rank: Rank
  state: State
  /** What is in it before. */
  present: readonly string[]
}

/** Visible at once, durable with the last step but those that tidy up. */
export function writing({ folder, group, rank, state, present }: Write): Step[] {
  const { table } = state
  const prefix = rankText(rank)
  const identity = table?.identity ?? 'always'
  const steps: Step[] = [{ do: 'folder', path: folder, group }]
  if (table?.verify != null) {
    const chosen = join(folder, `v.${prefix}`, table.verify.token)
    const name = table.staged === null ? 'none' : `~${setText(table.staged, identity)}`
    steps.push({ do: 'folder', path: chosen, group }, { do: 'touch', path: join(chosen, name) })
  }
  const name = `${prefix}~${setText(table?.live ?? null, identity)}`
  steps.push({ do: 'put', path: join(folder, name), content: JSON.stringify(state) })
  return [...steps, ...outdated([...present, name]).map((old): Step => ({ do: 'discard', path: join(folder, old) }))]
}

function outdated(all: readonly string[]): string[] {
  const old = ranked([...new Set(all)]).slice(keptStates)
  const gone = new Set(old.map((name) => `v.${name.slice(0, name.indexOf('~'))}`))
  return [...old, ...all.filter((one) => gone.has(one))]
}

/** After a former one, under a mark. */
export const nextRank = (token: number, before: Ranked | null): Rank => ({
  token,
  number: before?.rank.token === token ? Math.min(before.rank.number + 1, highestNumber) : 1,
})

/** What the new table no longer names, and what the former state had left. */
export function stateOf(table: RouteTable | null, before: State | null): State {
  const named = new Set([table?.live?.deploymentId, table?.staged?.deploymentId])
  const left = [before?.table?.live, before?.table?.staged, ...(before?.former ?? [])]
  const former = new Map<string, UpstreamSet>()
  for (const set of left) if (set && !named.has(set.deploymentId)) former.set(set.deploymentId, set)
  return { table, former: [...former.values()].slice(0, keptFormer) }
}
