import { encodingsOf } from './encodings.js'

/** Values and lines of values below this many UTF-16 units are not looked for: they would be found in every other word. */
export const shortestSecret = 4

const mark = '[redacted]'

/** Text in pieces, redacted as a whole: a secret cut by a border is found. */
export interface RedactedStream {
  /** What can be said so far. Only an end that may be the beginning of a secret is held back. */
  write(chunk: string): string
  /** The rest. The stream can be used afresh afterwards. */
  end(): string
}

/** Replaces secrets by `[redacted]`. Pure: one instance may be used anywhere, any number of times. */
export interface Redactor {
  text(text: string): string
  /** All strings and keys in a JSON value, and numbers that spell a secret. The value itself is not changed. */
  json<T>(value: T): T
  stream(): RedactedStream
}

/**
 * Looks for values, not for names: each in the encodings of `encodingsOf`, and for values of several lines each line too, without the space around it. Where hits
 * overlap, everything that any of them covers is replaced. Rule for short ones: `shortestSecret`.
 */
export function redactor(values: Iterable<string>): Redactor {
  const patterns = new Set<string>()
  for (const value of values) {
    const parts = new Set([value, value.trim(), ...value.split(/\r\n|[\n\r]/).flatMap((line) => [line, line.trim()])])
    parts.add(value.replaceAll('\r\n', '\n')).add(value.replace(/\r?\n/g, '\r\n'))
    for (const part of parts) {
      if (part.trim().length < shortestSecret) continue
      for (const form of encodingsOf(part)) if (form.length >= shortestSecret) patterns.add(form)
    }
  }
  if (patterns.size === 0) return unchanged
  const finder = toFinder(patterns)
  const text = (input: string) => {
    const stream = toStream(finder)
    return stream.write(input) + stream.end()
  }
  return { text, json: (value) => deep(value, text), stream: () => toStream(finder) }
}

const unchanged: Redactor = {
  text: (text) => text,
  json: (value) => value,
  stream: () => ({ write: (chunk) => chunk, end: () => '' }),
}

interface Finder {
  /** Length of the longest pattern at a place; 0: none. */
  match(text: string, at: number): number
  /** Is what follows the beginning of a pattern that is longer than the text? */
  mayBegin(text: string, at: number): boolean
  longest: number
}

const hashAt = (text: string, at: number): number =>
  (text.charCodeAt(at) * 0x9e5 +
    text.charCodeAt(at + 1) * 0x85 +
    text.charCodeAt(at + 2) * 0x1f3d +
    text.charCodeAt(at + 3)) &
  0xffff

/** A table over the first four characters: nearly every place is passed with one look, however many patterns there are. */
function toFinder(patterns: ReadonlySet<string>): Finder {
  const table = new Map<number, string[]>()
  const seen = new Uint8Array(0x10000)
  const starts = new Set<string>()
  const sorted = [...patterns].sort((a, b) => b.length - a.length)
  for (const pattern of sorted) {
    const hash = hashAt(pattern, 0)
    seen[hash] = 1
    const same = table.get(hash)
    if (same) same.push(pattern)
    else table.set(hash, [pattern])
    for (let length = 1; length < shortestSecret; length++) starts.add(pattern.slice(0, length))
  }
  const longest = sorted[0]!.length
  return {
    longest,
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
  }
}

function toStream({ match, mayBegin, longest }: Finder): RedactedStream {
  let held = ''
  // How much of what is held is covered by a mark that has been given out.
  let covered = 0
  const run = (text: string, last: boolean): string => {
    let out = ''
    let plain = covered
    let at = 0
    for (; at < text.length; at++) {
      if (!last && text.length - at < longest && mayBegin(text, at)) break
      const length = match(text, at)
      if (length === 0) continue
      if (at >= covered) out += text.slice(plain, at) + mark
      covered = Math.max(covered, at + length)
      plain = covered
    }
    if (at > plain) out += text.slice(plain, at)
    held = text.slice(at)
    covered = Math.max(0, covered - at)
    return out
  }
  return {
    write: (chunk) => run(held + chunk, false),
    end: () => {
      const out = run(held, true)
      held = ''
      covered = 0
      return out
    },
  }
}

function deep<T>(value: T, text: (input: string) => string): T
function deep(value: unknown, text: (input: string) => string): unknown {
  if (typeof value === 'string') return text(value)
  if (typeof value === 'number' || typeof value === 'bigint') {
    const spelled = String(value)
    const clean = text(spelled)
    return clean === spelled ? value : clean
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((inner) => deep(inner, text))
  // As JSON.stringify would see it: a date becomes its text.
  if ('toJSON' in value && typeof value.toJSON === 'function') return deep(value.toJSON() as unknown, text)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [text(key), deep(inner, text)]))
}
