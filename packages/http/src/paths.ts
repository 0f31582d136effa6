import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ResourceDefinition, ResourceSnapshot } from '@appaloft/core/spec'
import { realPath, type Settings } from './options.js'

/** Stands in answers where a path of the machine was. */
export const hidden = '<hidden>'

/** Definitions come from callers: what is remembered of them is bounded, oldest first out. */
const maxLearned = 200

/** Replaces what is known of the machine's paths in everything that is answered. Known are the options, where the process lives, and what it saw of definitions. */
export class PathFilter {
  readonly #fixed: readonly string[]
  readonly #learned = new Set<string>()
  #pattern: RegExp | null

  constructor({ hidePaths, sourceRoots }: Pick<Settings, 'hidePaths' | 'sourceRoots'>) {
    this.#fixed = [...hidePaths, ...sourceRoots, ...ownPaths()].flatMap(withReal)
    this.#pattern = patternOf(this.#fixed)
  }

  /** The local paths of a definition. */
  learn(definition: Pick<ResourceDefinition | ResourceSnapshot, 'source' | 'binds'>): void {
    const { source, binds = [] } = definition
    const paths = [
      ...('path' in source && source.path !== undefined ? [source.path] : []),
      ...binds.map((one) => one.source),
    ]
    const before = this.#learned.size
    for (const path of paths) if (path.startsWith('/')) for (const one of withReal(path)) this.#learned.add(one)
    if (this.#learned.size === before) return
    for (const oldest of this.#learned) {
      if (this.#learned.size <= maxLearned) break
      this.#learned.delete(oldest)
    }
    this.#pattern = patternOf([...this.#fixed, ...this.#learned])
  }

  text(text: string): string {
    return this.#pattern === null ? text : text.replace(this.#pattern, hidden)
  }

  /** A copy of JSON with every text filtered, keys included. Paths of URLs are left alone where a field is known to hold one. */
  json<T>(value: T): T {
    return this.#copy(value, '', '') as T
  }

  #copy(value: unknown, key: string, parent: string): unknown {
    if (typeof value === 'string') return isUrlPath(key, parent) ? value : this.text(value)
    if (Array.isArray(value)) return value.map((one) => this.#copy(one, key, parent))
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [this.text(name), this.#copy(inner, name, key)]),
    )
  }
}

/** `health.path` and `access.pathPrefix` are what users ask a server for, and may look like a folder such as `/app`. */
const isUrlPath = (key: string, parent: string) => key === 'pathPrefix' || (key === 'path' && parent === 'health')

/** Where this process works, and where the engine keeps its state unless it was told otherwise. */
function ownPaths(): string[] {
  const { APPALOFT_STATE_DIR, XDG_STATE_HOME } = process.env
  return [
    process.cwd(),
    homedir(),
    tmpdir(),
    ...(APPALOFT_STATE_DIR ? [APPALOFT_STATE_DIR] : []),
    ...(XDG_STATE_HOME ? [join(XDG_STATE_HOME, 'appaloft')] : []),
  ]
}

function withReal(path: string): string[] {
  const real = realPath(path)
  return (real === null || real === path ? [path] : [path, real]).map((one) => one.replace(/\/+$/, ''))
}

/** The spellings under which a path turns up: as it is, in a URL, and in JSON with escaped slashes. */
const spellings = (path: string) => [path, encodeURI(path), encodeURIComponent(path), path.replaceAll('/', '\\/')]

function patternOf(paths: readonly string[]): RegExp | null {
  // A path of one letter is as good as none, and the root would hide every slash.
  const all = [...new Set(paths.filter((one) => one.length > 2).flatMap(spellings))]
  if (all.length === 0) return null
  // The longest first: a folder in a known folder disappears as a whole.
  const some = all.sort((a, b) => b.length - a.length).map((one) => one.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  // Not inside a longer name: `/var/tmp` is not `/tmp`, `./app` is relative, `/home/anna` is not `/home/ann`.
  return new RegExp(`(?<![\\w-])(?<!(?:^|[^.\\w])\\.{1,2})(?:${some.join('|')})(?![\\w-])`, 'g')
}
