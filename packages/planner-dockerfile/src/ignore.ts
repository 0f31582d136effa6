import type { SourceTree } from '@appaloft/core/spec'
import { matchingLengths, type Token, tokens } from './glob.js'
import { limits } from './options.js'

interface Pattern {
  text: string
  back: boolean
  list: Token[]
}

/** What a .dockerignore keeps out of the build context. */
export interface Ignore {
  /** The pattern that decides; null where the path is not kept out. */
  by(path: string): string | null
  /** Is there a pattern that brings something back? */
  exceptions: boolean
}

/** Steps of matching for one file; what is asked beyond them counts as not kept out. */
const budget = 1_000_000

/** Reads the patterns; the last one that matches a path or a folder above it decides. */
export function readIgnore(text: string): Ignore {
  const patterns: Pattern[] = []
  for (const row of text.split('\n')) {
    const line = row.trim()
    if (line === '' || row.startsWith('#') || patterns.length >= limits.patterns) continue
    const back = line.startsWith('!')
    const pattern = clean(back ? line.slice(1).trim() : line)
    if (pattern !== '') patterns.push({ text: line, back, list: tokens(pattern) })
  }
  let left = budget
  const spend = (steps: number): void => {
    left -= steps
  }
  return {
    exceptions: patterns.some(({ back }) => back),
    by: (path) => {
      let decided: string | null = null
      for (const { text: pattern, back, list } of patterns) {
        if (left < 0) return null
        if (back === (decided === null)) continue
        if (!matchesAbove(list, path, spend)) continue
        decided = back ? null : pattern
      }
      return decided
    },
  }
}

/** Does the pattern match the path, or a folder that it lies in? */
function matchesAbove(list: readonly Token[], path: string, spend: (steps: number) => void): boolean {
  for (const length of matchingLengths(list, path, spend)) {
    if (length > 0 && (length === path.length || path[length] === '/')) return true
  }
  return false
}

/** As a path: without a leading slash, `.`, `..` and doubled slashes. */
function clean(pattern: string): string {
  const parts: string[] = []
  for (const part of pattern.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** Does something of the folder stay in the build context, although the folder is kept out? Bounded: then it is taken to. */
export async function staysIn(tree: Pick<SourceTree, 'list'>, folder: string, { by }: Ignore): Promise<boolean> {
  const open = [folder]
  let left: number = limits.entries
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const entry of await tree.list(next)) {
      left -= 1
      const path = `${next}/${entry.name}`
      if (left < 0) return true
      if (entry.type === 'directory') open.push(path)
      else if (by(path) === null) return true
    }
  }
  return false
}
