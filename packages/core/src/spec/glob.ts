import type { SourceTree } from './source.js'

/** Folders that hold no source: VCS, dependencies, output. Searches do not enter them unless a pattern names them. */
export const unsearchedFolders: ReadonlySet<string> = new Set([
  ...['.git', '.hg', '.svn', '.bzr', '.jj', 'CVS', '_darcs'],
  ...[
    'node_modules',
    'bower_components',
    'jspm_packages',
    'vendor',
    '.venv',
    'venv',
    '__pycache__',
    '.yarn',
    '.pnpm-store',
  ],
  ...[
    'dist',
    'build',
    'out',
    'target',
    'coverage',
    '.next',
    '.nuxt',
    '.output',
    '.svelte-kit',
    '.astro',
    '.vercel',
    '.netlify',
  ],
  ...['.turbo', '.cache', '.parcel-cache', '.angular', '.appaloft'],
])

const literal = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

/**
 * Translates one alternative without braces. A wildcard at the start of a name does not match a leading dot, as in a shell.
 * Square brackets mean themselves: `[id]` is a common folder name.
 */
function expression(pattern: string): string {
  let out = ''
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!
    const first = i === 0 || pattern[i - 1] === '/'
    if (char === '\\' && i + 1 < pattern.length) {
      i += 1
      out += literal(pattern[i]!)
    } else if (first && (pattern.startsWith('**/', i) || pattern.slice(i) === '**')) {
      const last = pattern.length === i + 2
      out += last ? '(?:(?!\\.)[^/]+(?:/(?!\\.)[^/]+)*)' : '(?:(?!\\.)[^/]+/)*'
      i += 2
    } else if (char === '*') {
      while (pattern[i + 1] === '*') i += 1
      const whole = first && (i + 1 === pattern.length || pattern[i + 1] === '/')
      out += `${first ? '(?!\\.)' : ''}[^/]${whole ? '+' : '*'}`
    } else if (char === '?') {
      out += `${first ? '(?!\\.)' : ''}[^/]`
    } else {
      out += literal(char)
    }
  }
  return out
}

/** `a{b,c}d` → `abd`, `acd`; nested too. An unbalanced brace means itself. At most 1,000 alternatives. */
function alternatives(pattern: string): string[] {
  const done: string[] = []
  const open = [pattern]
  while (open.length > 0 && done.length + open.length <= 1000) {
    const next = open.shift()!
    const group = firstGroup(next)
    if (group === null) done.push(next)
    else open.unshift(...group.parts.map((part) => next.slice(0, group.start) + part + next.slice(group.end + 1)))
  }
  return [...done, ...open]
}

function firstGroup(pattern: string): { start: number; end: number; parts: string[] } | null {
  for (let start = 0; start < pattern.length; start++) {
    if (pattern[start] === '\\') start += 1
    else if (pattern[start] === '{') {
      const group = groupAt(pattern, start)
      if (group !== null) return group
    }
  }
  return null
}

function groupAt(pattern: string, start: number): { start: number; end: number; parts: string[] } | null {
  const parts: string[] = []
  let depth = 0
  let from = start + 1
  for (let i = start; i < pattern.length; i++) {
    const char = pattern[i]
    if (char === '\\') i += 1
    else if (char === '{') depth += 1
    else if (char === ',' && depth === 1) {
      parts.push(pattern.slice(from, i))
      from = i + 1
    } else if (char === '}') {
      depth -= 1
      if (depth > 0) continue
      parts.push(pattern.slice(from, i))
      return parts.length > 1 ? { start, end: i, parts } : null
    }
  }
  return null
}

const normal = (pattern: string): string => pattern.replace(/^(?:\.\/)+/, '').replace(/\/{2,}/g, '/')

/**
 * The matcher behind `SourceTree.glob`, for every implementation of it: `*` and `?` within a name, `**` over directories, `{a,b}`, and
 * `\` before a character that means itself. Paths are relative with `/`; a wildcard matches no leading dot.
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  const regex = new RegExp(`^(?:${alternatives(normal(pattern)).map(expression).join('|')})$`, 'u')
  return (path) => regex.test(path)
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * `SourceTree.glob` over any `has` and `list`: follows no directory link, enters a folder of `unsearchedFolders` only where the pattern
 * names it, sorts by code units.
 */
export async function globTree(
  tree: Pick<SourceTree, 'has' | 'list'>,
  pattern: string,
  { limit = 1000 }: { limit?: number } = {},
): Promise<string[]> {
  const matches = globMatcher(pattern)
  const named = new Set(alternatives(normal(pattern)).flatMap((one) => one.replaceAll('\\', '').split('/')))
  const deep = pattern.includes('**')
  const depth = Math.max(...alternatives(normal(pattern)).map((one) => one.split('/').length))
  const found: string[] = []
  const open: { path: string; level: number }[] = [{ path: '', level: 1 }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const entry of await tree.list(next.path === '' ? '.' : next.path)) {
      const path = next.path === '' ? entry.name : `${next.path}/${entry.name}`
      if (entry.type === 'directory') {
        const enter = deep || next.level < depth
        if (enter && (!unsearchedFolders.has(entry.name) || named.has(entry.name)))
          open.push({ path, level: next.level + 1 })
      } else if (matches(path) && (entry.type === 'file' || (entry.type === 'symlink' && (await tree.has(path))))) {
        found.push(path)
      }
    }
  }
  return found.sort(byCodeUnits).slice(0, limit)
}
