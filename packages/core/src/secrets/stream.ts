import type { Finder } from './finder.js'
import { findWrapped, wrapWidth } from './unwrap.js'

export const mark = '[redacted]'

/** Text in pieces, redacted as a whole: a secret cut by a border is found. */
export interface RedactedStream {
  /** What can be said so far. Only an end that may be the beginning of a secret is held back. */
  write(chunk: string): string
  /** The rest. The stream can be used afresh afterwards. */
  end(): string
  /** The rest, where the text was cut: what may be the beginning of a secret is one. The stream can be used afresh afterwards. */
  cut(): string
}

/** `dense`: patterns that are also found where they were broken into lines. */
export function toStream(all: Finder, dense: Finder): RedactedStream {
  let held = ''
  /** How much of what is held is covered by a mark that has been given out. */
  let covered = 0
  /** What was given out last, as it was. */
  let before = ''

  function run(text: string, last: boolean): string {
    const hits: [number, number][] = []
    let limit = text.length
    for (let at = all.next(text, 0); at < text.length; at = all.next(text, at + 1)) {
      if (!last && all.mayBegin(text, at)) {
        limit = at
        break
      }
      const length = all.match(text, at)
      if (length > 0) hits.push([at, at + length])
    }
    const wrapped = findWrapped(dense, before, text)
    if (!last) limit = Math.min(limit, wrapped.hold)
    if (wrapped.hits.length > 0) hits.push(...wrapped.hits)

    let out = ''
    let plain = covered
    for (const [from, to] of hits.sort(([a], [b]) => a - b)) {
      if (from >= limit) break
      if (from >= covered) out += text.slice(plain, from) + mark
      covered = Math.max(covered, to)
      plain = covered
    }
    if (limit > plain) out += text.slice(plain, limit)
    held = text.slice(limit)
    covered = Math.max(0, covered - limit)
    before = (before + text.slice(0, limit)).slice(-wrapWidth)
    return out
  }

  function afresh(): void {
    held = ''
    covered = 0
    before = ''
  }

  return {
    write(chunk) {
      const text = held + chunk
      // Alone it ends nothing, with what comes next it may be a line break.
      const open = text.endsWith('\r') ? '\r' : ''
      const out = run(open === '' ? text : text.slice(0, -1), false)
      held += open
      return out
    },
    end() {
      const out = run(held, true)
      afresh()
      return out
    },
    cut() {
      const out = held === '' || held === '\r' ? '' : mark
      afresh()
      return out
    },
  }
}
