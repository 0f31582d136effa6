import { posix } from 'node:path'
import type { Evidence, PlannerContext, SourceTree } from '@appaloft/core/spec'
import { limits } from '../options.js'

/** What of a package.json decides anything here. */
export interface Manifest {
  scripts: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  main?: string
  packageManager?: string
  engines: Record<string, string>
  voltaNode?: string
  workspaces: boolean
  name?: string
  version?: string
  peerDependencies: Record<string, string>
  /** The whole file, for what only one place asks for. */
  json: Json
}

export type ManifestResult = { manifest: Manifest } | { broken: string }

export type Json = Record<string, unknown>
export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A field that is no object, or a value in it that is no string, counts as absent. */
export function strings(...values: unknown[]): Record<string, string> {
  // Without a prototype: a script may be called `constructor`.
  const out: Record<string, string> = Object.create(null)
  for (const value of values)
    if (isObject(value)) for (const [key, one] of Object.entries(value)) if (typeof one === 'string') out[key] = one
  return out
}

/** What was read of a tree is read and taken apart once. */
const known = new WeakMap<SourceTree, Map<string, Promise<ManifestResult | null>>>()

/** Null where there is no package.json; `broken` says in words what cannot be read. Never throws for its content. */
export function readManifest(tree: SourceTree, path = 'package.json'): Promise<ManifestResult | null> {
  const mine = known.get(tree) ?? new Map<string, Promise<ManifestResult | null>>()
  known.set(tree, mine)
  const found = mine.get(path) ?? readAnew(tree, path)
  mine.set(path, found)
  return found
}

async function readAnew(tree: SourceTree, path: string): Promise<ManifestResult | null> {
  const text = await tree.readText(path)
  if (text === null) return null
  let json: unknown
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    return { broken: 'it is not JSON' }
  }
  return manifestOf(json)
}

/** What only pnpm reads in place of a package.json. */
export async function otherManifest(tree: SourceTree): Promise<string | undefined> {
  for (const name of ['package.json5', 'package.yaml']) if (await tree.has(name)) return name
  return undefined
}

/** A longer script is none that anybody wrote; it is not searched to its end. */
function short(scripts: Record<string, string>): Record<string, string> {
  for (const [name, line] of Object.entries(scripts)) scripts[name] = line.slice(0, limits.scriptCharacters)
  return scripts
}

/** What a file says, once it is read. */
export function manifestOf(json: unknown): ManifestResult {
  if (!isObject(json)) return { broken: 'it is not a JSON object' }
  if (json.scripts !== undefined && !isObject(json.scripts)) return { broken: 'scripts is not an object' }
  const volta = strings(json.volta).node
  return {
    manifest: {
      scripts: short(strings(json.scripts)),
      dependencies: strings(json.optionalDependencies, json.dependencies),
      devDependencies: strings(json.devDependencies),
      ...(typeof json.main === 'string' && json.main !== '' ? { main: json.main } : {}),
      ...(typeof json.packageManager === 'string' ? { packageManager: json.packageManager } : {}),
      engines: strings(json.engines),
      ...(volta === undefined ? {} : { voltaNode: volta }),
      workspaces: Array.isArray(json.workspaces) || isObject(json.workspaces),
      ...(typeof json.name === 'string' ? { name: json.name } : {}),
      ...(typeof json.version === 'string' ? { version: json.version } : {}),
      peerDependencies: strings(json.peerDependencies),
      json,
    },
  }
}

export const dependencyVersion = (manifest: Manifest, name: string): string | undefined =>
  manifest.dependencies[name] ?? manifest.devDependencies[name]

/** A path of the base directory as evidence names it: relative to the source's root. */
export const fromRoot = (context: PlannerContext, path: string): string =>
  posix.normalize(posix.join(context.baseDirectory, path))

/** A shell line as evidence shows it: bounded, and without the values of the variables that it sets. */
export const shown = (line: string): string =>
  line.replace(/\b(?!(?:PORT|NODE_ENV|HOST)=)([A-Za-z_]\w*)=(?:"[^"]*"|'[^']*'|\S+)/g, '$1=…').slice(0, 200)

/** One fact of the base directory, its texts cut to the bounds of evidence. */
export function fact(
  context: PlannerContext,
  kind: string,
  file: string,
  signal: string,
  value?: string | number | boolean,
): Evidence {
  const bounded = typeof value === 'string' ? value.slice(0, 200) : value
  return {
    kind,
    file: fromRoot(context, file).slice(0, 1024),
    signal: signal.slice(0, 256),
    ...(bounded === undefined ? {} : { value: bounded }),
  }
}
