import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Claim, PlanDraft, Planner, PlannerContext, Profiles, Source, SourceTree } from '@appaloft/core/spec'
import { type Blocked, globTree } from '@appaloft/core/spec'
import { memoryTree } from '@appaloft/testkit'

export const folder = fileURLToPath(new URL('fixtures', import.meta.url))

/** A folder of `fixtures`: the files in `source`, what is asked in `given.json`, and the plan in `expected.json`. */
export interface Fixture {
  name: string
  files: Record<string, string>
  given: Partial<Profiles> & { baseDirectory?: string; source?: Source }
}

export const fixtureNames = (): string[] => readdirSync(folder).sort()

export function readFixture(name: string): Fixture {
  const source = join(folder, name, 'source')
  const files: Record<string, string> = {}
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) files[relative(source, path).split(sep).join('/')] = readFileSync(path, 'utf8')
  }
  return { name, files, given: readGiven(name) }
}

function readGiven(name: string): Fixture['given'] {
  try {
    return JSON.parse(readFileSync(join(folder, name, 'given.json'), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** The same items in another order, the same one for a seed. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const all = [...items]
  let state = seed
  for (let i = all.length - 1; i > 0; i--) {
    state = (state * 1_103_515_245 + 12_345) & 0x7f_ff_ff_ff
    const j = state % (i + 1)
    const [one, other] = [all[i]!, all[j]!]
    all[i] = other
    all[j] = one
  }
  return all
}

const shuffledTree = (tree: SourceTree, seed: number): SourceTree => ({
  ...tree,
  list: async (directory) => shuffled(await tree.list(directory), seed),
  glob: async (pattern, options) => shuffled(await tree.glob(pattern, options), seed),
})

function below(root: SourceTree, base: string): SourceTree {
  if (base === '.') return root
  const tree = {
    has: (path: string) => root.has(`${base}/${path}`),
    list: (path = '.') => root.list(`${base}/${path}`),
  }
  return {
    ...tree,
    readText: (path, options) => root.readText(`${base}/${path}`, options),
    glob: (pattern, options) => globTree(tree, pattern, options),
  }
}

/** What a planner is given for a fixture; with a seed, from a source whose files and lists come in another order. */
export function contextOf({ files, given }: Pick<Fixture, 'files' | 'given'>, seed?: number): PlannerContext {
  const { baseDirectory = '.', source = { kind: 'local-folder', path: '/somewhere' }, ...profiles } = given
  const entries = Object.entries(files)
  const plain = memoryTree(Object.fromEntries(seed === undefined ? entries : shuffled(entries, seed)))
  const root = seed === undefined ? plain : shuffledTree(plain, seed)
  return {
    tree: below(root, baseDirectory),
    root,
    baseDirectory,
    source,
    profiles: {
      ...{ runtime: {}, network: {}, health: undefined, access: {}, environment: {}, volumes: [], binds: [] },
      ...profiles,
    },
    target: null,
    signal: new AbortController().signal,
  }
}

export type Outcome = { claim: Claim | null; result?: PlanDraft | Blocked }

export async function outcomeOf(planner: Planner, context: PlannerContext): Promise<Outcome> {
  const claim = await planner.detect(context)
  return claim === null ? { claim } : { claim, result: await planner.plan(context, claim) }
}
