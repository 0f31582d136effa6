import { shortestSecret } from './patterns.js'

export interface Finder {
  /** The next place from here on where a pattern may be, or begin; the text's length: none. */
  next(text: string, from: number): number
  /** Length of the longest pattern at a place; 0: none. */
  match(text: string, at: number): number
  /** Is what follows the beginning of a pattern that is longer than the text? */
  mayBegin(text: string, at: number): boolean
  /** How much of the text's beginning is the end of a pattern that began before it, or all of the text inside of one. */
  endOf(text: string): { length: number; goesOn: boolean }
  longest: number
}

const hashAt = (text: string, at: number): number =>
  (text.charCodeAt(at) * 0x9e5 +
    text.charCodeAt(at + 1) * 0x85 +
    text.charCodeAt(at + 2) * 0x1f3d +
    text.charCodeAt(at + 3)) &
  0xffff

const pairAt = (first: number, second: number): number => (first * 0x1f + second) & 0xffff

/** Tables over the first two and the first four characters: nearly every place is passed with one look, however many patterns there are. */
export function toFinder(patterns: ReadonlySet<string>): Finder {
  const table = new Map<number, string[]>()
  const seen = new Uint8Array(0x10000)
  const pairs = new Uint8Array(0x10000)
  const starts = new Set<string>()
  const sorted = [...patterns].sort((a, b) => b.length - a.length)
  for (const pattern of sorted) {
    const hash = hashAt(pattern, 0)
    seen[hash] = 1
    pairs[pairAt(pattern.charCodeAt(0), pattern.charCodeAt(1))] = 1
    const same = table.get(hash)
    if (same) same.push(pattern)
    else table.set(hash, [pattern])
    for (let length = 1; length < shortestSecret; length++) starts.add(pattern.slice(0, length))
  }
  const longest = sorted[0]?.length ?? 0
  return {
    longest,
    next(text, from) {
      const last = text.length - 1
      let first = text.charCodeAt(from)
      for (let at = from; at < last; at++) {
        const second = text.charCodeAt(at + 1)
        if (pairs[pairAt(first, second)] === 1) return at
        first = second
      }
      return from > last ? text.length : last
    },
    match(text, at) {
      if (at + shortestSecret > text.length) return 0
      const hash = hashAt(text, at)
      if (seen[hash] === 0) return 0
      return table.get(hash)?.find((pattern) => text.startsWith(pattern, at))?.length ?? 0
    },
    mayBegin(text, at) {
      const left = text.length - at
      if (left >= longest) return false
      if (left < shortestSecret) return starts.has(text.slice(at))
      const hash = hashAt(text, at)
      if (seen[hash] === 0) return false
      const rest = text.slice(at)
      return table.get(hash)?.some((pattern) => pattern.length > left && pattern.startsWith(rest)) ?? false
    },
    endOf(text) {
      let length = 0
      if (text.length < shortestSecret) return { length, goesOn: false }
      const head = text.slice(0, shortestSecret)
      for (const pattern of sorted) {
        for (let at = pattern.indexOf(head, 1); at >= 0; at = pattern.indexOf(head, at + 1)) {
          const rest = pattern.slice(at)
          if (rest.length > text.length && rest.startsWith(text)) return { length: text.length, goesOn: true }
          if (rest.length > length && text.startsWith(rest)) length = rest.length
        }
      }
      return { length, goesOn: false }
    },
  }
}
