import { toFinder } from './finder.js'
import { type RedactedLines, toLines } from './lines.js'
import { patternsOf } from './patterns.js'
import { type RedactedStream, toStream } from './stream.js'

/** Replaces secrets by `[redacted]`. Pure: one instance may be used anywhere, any number of times. */
export interface Redactor {
  text(text: string): string
  /** All strings and keys in a JSON value, and numbers that spell a secret. The value itself is not changed. */
  json<T>(value: T): T
  stream(): RedactedStream
  /** `cut`: the output began before the first line, so that this one may begin within a secret. Default false. */
  lines(options?: { cut?: boolean }): RedactedLines
}

/**
 * Looks for values, not for names: each in the encodings of `encodingsOf`, and for values of several lines each line too, without the space
 * around it. Where hits overlap, everything that any of them covers is replaced. Rule for short ones: `shortestSecret`.
 */
export function redactor(values: Iterable<string>): Redactor {
  const patterns = patternsOf(values)
  if (patterns.all.size === 0) return unchanged
  const all = toFinder(patterns.all)
  const dense = toFinder(patterns.dense)
  const text = (input: string) => {
    const stream = toStream(all, dense)
    return stream.write(input) + stream.end()
  }
  return {
    text,
    json: (value) => deep(value, text),
    stream: () => toStream(all, dense),
    lines: ({ cut = false } = {}) => toLines(toStream(all, dense), all, cut),
  }
}

/** For those who cannot know what is secret: nothing of an output is told. Texts of our own are as they are. */
export const silent: Redactor = {
  text: (text) => text,
  json: (value) => value,
  stream: () => ({ write: () => '', end: () => '', cut: () => '' }),
  lines: () => ({ write: () => [], end: () => [] }),
}

const unchanged: Redactor = {
  text: (text) => text,
  json: (value) => value,
  stream: () => ({ write: (chunk) => chunk, end: () => '', cut: () => '' }),
  lines: () => ({ write: (line) => [line], end: () => [] }),
}

/** The lines of one output, in one go. */
export function redactLines(redact: Redactor, lines: readonly string[], options?: { cut?: boolean }): string[] {
  const output = redact.lines(options)
  return [...lines.flatMap((line) => output.write(line)), ...output.end()]
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
