import { posix } from 'node:path'
import { globMatcher, type PlannerContext, type SourceTree } from '@appaloft/core/spec'
import { parse } from 'yaml'
import { limits } from '../options.js'
import { looseJson } from '../sources/loose.js'
import { isObject, type Manifest, manifestOf, readManifest } from '../sources/manifest.js'

export interface Member {
  /** Relative to the source's root. */
  directory: string
  file: string
  manifest: Manifest
}

export interface Workspace {
  /** Relative to the source's root. */
  directory: string
  /** What says which packages belong to it, relative to the source's root. */
  file: string
  kind: 'package.json' | 'pnpm' | 'lerna' | 'rush' | 'nx'
  /** The package.json beside it. */
  manifest: Manifest | null
  patterns: string[]
}

/** The base directory and those above it, nearest first, relative to the source's root. */
export function upwards(baseDirectory: string): string[] {
  const out: string[] = []
  let at = normal(baseDirectory)
  for (; at !== '.' && at !== ''; at = posix.dirname(at)) out.push(at)
  return [...out, '.']
}

export const normal = (path: string): string => posix.normalize(path).replace(/(.)\/$/, '$1')

/** How deep brackets, dashes and lines lie in one another, at most: what is deep is expensive to read, and no settings file. */
function depthOf(text: string): number {
  let depth = 0
  let most = 0
  for (const char of text) {
    if (char === '{' || char === '[') most = Math.max(most, ++depth)
    else if (char === '}' || char === ']') depth = Math.max(0, depth - 1)
  }
  for (const line of text.split('\n')) most = Math.max(most, (/^[ \-?:]*/.exec(line)?.[0].length ?? 0) / 2)
  return most
}

/** The settings of a YAML file; an empty object where it is none. */
export function yamlObject(text: string | null): Record<string, unknown> {
  if (text === null || text.length > limits.yamlCharacters || depthOf(text) > limits.yamlDepth) return {}
  try {
    const value: unknown = parse(text, { maxAliasCount: 100, logLevel: 'silent', prettyErrors: false })
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string').slice(0, limits.patterns) : []

export const readSettings = (tree: SourceTree, path: string): Promise<string | null> =>
  tree.readText(path, { maxBytes: limits.settingsBytes })

/** What a directory says of packages that belong to it, in the order in which the tools themselves look. */
async function declaredIn(root: SourceTree, directory: string): Promise<Workspace | null> {
  const at = (name: string) => posix.join(directory, name)
  const rush = await readSettings(root, at('rush.json'))
  if (rush !== null) {
    const json = looseJson(rush)
    const projects = isObject(json) && Array.isArray(json.projects) ? json.projects : []
    const folders = texts(projects.map((one: unknown) => (isObject(one) ? one.projectFolder : undefined)))
    return { directory, file: at('rush.json'), kind: 'rush', manifest: null, patterns: folders }
  }
  const read = await readManifest(root, at('package.json'))
  const manifest = read !== null && 'manifest' in read ? read.manifest : null
  const pnpm = await readSettings(root, at('pnpm-workspace.yaml'))
  if (pnpm !== null) {
    const { packages } = yamlObject(pnpm)
    // Without any packages the file holds settings only; an empty one means every folder below.
    const patterns = pnpm.trim() === '' ? ['**'] : texts(packages)
    if (patterns.length > 0) return { directory, file: at('pnpm-workspace.yaml'), kind: 'pnpm', manifest, patterns }
  }
  const field = manifest?.json.workspaces
  if (manifest !== null && field !== undefined) {
    const patterns = texts(isObject(field) ? field.packages : field)
    if (patterns.length > 0) return { directory, file: at('package.json'), kind: 'package.json', manifest, patterns }
  }
  const lerna = await readSettings(root, at('lerna.json'))
  if (lerna === null) return null
  const json = looseJson(lerna)
  const packages = isObject(json) ? texts(json.packages) : []
  const patterns = packages.length > 0 ? packages : ['packages/*']
  return { directory, file: at('lerna.json'), kind: 'lerna', manifest, patterns }
}

type Matcher = (path: string) => boolean
/** Patterns that a hostile file could make expensive count as none. */
const usable = (pattern: string): boolean =>
  pattern.length <= 200 && (pattern.match(/\*+|\?|\{/g) ?? []).length <= limits.wildcards

const clean = (pattern: string): string => normal(pattern.replace(/^!/, '').replace(/^\//, ''))

function matcherOf(patterns: readonly string[]): Matcher {
  const asked = patterns.filter(usable)
  const plus = asked.filter((one) => !one.startsWith('!')).map((one) => globMatcher(clean(one)))
  const minus = asked.filter((one) => one.startsWith('!')).map((one) => globMatcher(clean(one)))
  return (path) => plus.some((one) => one(path)) && !minus.some((one) => one(path))
}

/** May a package lie below the directory? */
function beginsOf(patterns: readonly string[]): Matcher {
  const begins = patterns
    .filter((one) => usable(one) && !one.startsWith('!'))
    .map((one) => {
      const parts = clean(one).split('/')
      const deep = parts.findIndex((part) => part.includes('**'))
      const upTo = deep < 0 ? parts.length - 1 : deep
      const levels = parts.slice(0, upTo).map((_part, i) => globMatcher(parts.slice(0, i + 1).join('/')))
      return (path: string): boolean => {
        const depth = path.split('/').length
        if (depth <= levels.length) return levels[depth - 1]!(path)
        return deep >= 0 && (levels.length === 0 || levels.at(-1)!(path.split('/').slice(0, upTo).join('/')))
      }
    })
  return (path) => begins.some((one) => one(path))
}

const inside = (workspace: Workspace, directory: string): string => posix.relative(workspace.directory, directory)

export const belongsTo = (workspace: Workspace, directory: string): boolean =>
  normal(directory) === workspace.directory || matcherOf(workspace.patterns)(inside(workspace, normal(directory)))

/** The workspace that the base directory is the root of, or a package of; null where it stands for itself. */
export async function findWorkspace(context: PlannerContext): Promise<Workspace | null> {
  for (const directory of upwards(context.baseDirectory)) {
    const found = await declaredIn(context.root, directory)
    if (found !== null && belongsTo(found, context.baseDirectory)) return found
    const project = normal(context.baseDirectory) !== directory && (await isProject(context))
    const nx = posix.join(directory, 'nx.json')
    if (project && (await context.root.has(nx))) {
      const read = await readManifest(context.root, posix.join(directory, 'package.json'))
      const manifest = read !== null && 'manifest' in read ? read.manifest : null
      // What a project needs of the others is compiled with it, from their sources.
      return { directory, file: nx, kind: 'nx', manifest, patterns: [] }
    }
  }
  return null
}

/** Is the base directory a project of Nx's? */
async function isProject({ tree }: PlannerContext): Promise<boolean> {
  if (await tree.has('project.json')) return true
  const read = await readManifest(tree)
  return read !== null && 'manifest' in read && isObject(read.manifest.json.nx)
}

const passedOver = new Set(['node_modules', '.git', 'bower_components', '.yarn', '.turbo', '.next', '.nx'])

/** The packages of a workspace, by directory. `unread`: files that pnpm reads and nobody else does, and what is not JSON. */
export async function membersOf(
  root: SourceTree,
  workspace: Workspace,
): Promise<{ members: Member[]; unread: string[] }> {
  const belongs = matcherOf(workspace.patterns)
  const begins = beginsOf(workspace.patterns)
  const members: Member[] = []
  const unread: string[] = []
  const open: string[] = [workspace.directory]
  for (
    let visited = 0;
    open.length > 0 && visited < limits.directories && members.length < limits.packages;
    visited++
  ) {
    const directory = open.shift()!
    const path = inside(workspace, directory)
    const entries = await root.list(directory)
    if (path !== '' && belongs(path)) {
      const read = await memberIn(root, directory, new Set(entries.map((one) => one.name)))
      if (typeof read === 'string') unread.push(read)
      else if (read !== null) members.push(read)
    }
    const names = entries.filter((one) => one.type === 'directory' && !passedOver.has(one.name)).map((one) => one.name)
    for (const name of names.sort()) {
      const below = posix.join(directory, name)
      const relative = inside(workspace, below)
      if (belongs(relative) || begins(relative)) open.push(below)
    }
  }
  const byDirectory = (a: Member, b: Member): number => (a.directory < b.directory ? -1 : 1)
  return { members: members.sort(byDirectory), unread: unread.sort() }
}

async function memberIn(
  root: SourceTree,
  directory: string,
  names: ReadonlySet<string>,
): Promise<Member | string | null> {
  for (const name of ['package.json', 'package.json5', 'package.yaml']) {
    if (!names.has(name)) continue
    const file = posix.join(directory, name)
    const text = (await readSettings(root, file)) ?? ''
    const json = name === 'package.yaml' ? yamlObject(text) : looseJson(text)
    const read = manifestOf(json)
    return 'manifest' in read ? { directory, file, manifest: read.manifest } : file
  }
  return null
}
