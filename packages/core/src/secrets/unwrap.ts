import type { Finder } from './finder.js'

/** So much of base64 or hex stands before a line break that a tool put into it. */
export const wrapWidth = 32
const isDense = /^[A-Za-z0-9+/_-]+$/

interface Unwrapped {
  /** The text without those line breaks. */
  text: string
  /** Where they were, as places of `text`. */
  breaks: number[]
  /** The place in the original. */
  original(at: number): number
}

/** Null: nothing in it looks wrapped. `before`: what stood before the text. */
function unwrap(before: string, text: string): Unwrapped | null {
  const pieces: { at: number; from: number }[] = [{ at: 0, from: 0 }]
  let joined = ''
  let from = 0
  for (let gap = text.indexOf('\n'); gap >= 0; gap = text.indexOf('\n', gap + 1)) {
    const end = text.charCodeAt(gap - 1) === 13 ? gap - 1 : gap
    const line = (before + text.slice(Math.max(0, end - wrapWidth), end)).slice(-wrapWidth)
    if (line.length < wrapWidth || !isDense.test(line)) continue
    joined += text.slice(from, end)
    from = gap + 1
    pieces.push({ at: joined.length, from })
  }
  if (pieces.length === 1) return null
  return {
    text: joined + text.slice(from),
    breaks: pieces.slice(1).map((one) => one.at),
    original(at) {
      const piece = pieces.findLast((one) => one.at <= at)!
      return piece.from + at - piece.at
    },
  }
}

/** Patterns with line breaks in them: where they are, and from where on one may have begun. */
export function findWrapped(
  { match, mayBegin, longest }: Finder,
  before: string,
  text: string,
): { hits: [number, number][]; hold: number } {
  const hits: [number, number][] = []
  const unwrapped = unwrap(before, text)
  if (unwrapped === null) return { hits, hold: text.length }
  const { original } = unwrapped
  for (const gap of unwrapped.breaks) {
    for (let at = Math.max(0, gap - longest + 1); at < gap; at++) {
      const end = at + match(unwrapped.text, at)
      if (end > gap) hits.push([original(at), original(end - 1) + 1])
    }
  }
  const last = unwrapped.breaks.at(-1)!
  for (let at = Math.max(0, unwrapped.text.length - longest + 1); at < last; at++)
    if (mayBegin(unwrapped.text, at)) return { hits, hold: original(at) }
  return { hits, hold: text.length }
}
