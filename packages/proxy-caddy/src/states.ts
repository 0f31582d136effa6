import { join } from 'node:path'
import { type RouteTable, routeTableSchema, type UpstreamSet, upstreamSetSchema } from '@appaloft/core/spec'
import { type Files, localFiles } from './files.js'
import { highestNumber, parseRank, type Rank, rankText, setText } from './names.js'
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

const ranked = (all: string[]): string[] => all.filter((name) => parseRank(name) !== null).sort()

export async function newest(folder: string, files: Files = localFiles): Promise<Ranked | null> {
  for (;;) {
    const [name] = ranked(await files.names(folder))
    if (name === undefined) return null
    const path = join(folder, name)
    const content = await files.text(path)
    // Gone meanwhile: there is a newer one.
    if (content === null) continue
    return { ...parsed(content), rank: parseRank(name)!, at: await files.writtenAt(path) }
  }
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
  folder: string
  group: number | null
  rank: Rank
  state: State
  files?: Files
}

/** Visible at once, durable when it resolves. */
export async function write({ folder, group, rank, state, files = localFiles }: Write): Promise<void> {
  const { table } = state
  const prefix = rankText(rank)
  const identity = table?.identity ?? 'always'
  await files.folderFor(folder, group)
  if (table?.verify != null) {
    const chosen = join(folder, `v.${prefix}`, table.verify.token)
    await files.folderFor(chosen, group)
    await files.touch(join(chosen, table.staged === null ? 'none' : `~${setText(table.staged, identity)}`))
  }
  await files.put(join(folder, `${prefix}~${setText(table?.live ?? null, identity)}`), JSON.stringify(state))
  await tidy(folder, files)
}

async function tidy(folder: string, files: Files): Promise<void> {
  const all = await files.names(folder)
  const old = ranked(all).slice(keptStates)
  const gone = new Set(old.map((name) => `v.${name.slice(0, name.indexOf('~'))}`))
  for (const name of [...old, ...all.filter((one) => gone.has(one))]) await files.discard(join(folder, name))
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
