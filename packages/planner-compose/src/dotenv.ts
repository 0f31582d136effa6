import { substitute } from './interpolate.js'
import { ComposeProblem, type Place } from './problem.js'
import { holdsMarks, type Variables } from './variables.js'

const sign = /[=:\n]/g
const name = /^[\p{L}\p{N}_.[\]-]+$/u
const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b', f: '\f', v: '\v' }

/**
 * Reads an environment file as Compose does: `NAME=value`, `export`, comments, quotes over several lines, and variables in what is not in single
 * quotes, from `known` first and then from the lines above. A name without `=` takes the value from `known`.
 *
 * @throws ComposeProblem for a line that is not of this form.
 */
export function parseDotenv(source: string, file: string, known: Variables): Map<string, string> {
  const found = new Map<string, string>()
  const variables = known.with(found)
  const content = source.replaceAll('\r\n', '\n')
  let at = 0
  if (holdsMarks(content)) throw new ComposeProblem('The file holds characters that no text may hold.', { file })
  for (;;) {
    at = skip(content, at)
    if (at >= content.length) return found
    const place = lazyPlace(content, at, file)
    sign.lastIndex = at
    const end = sign.exec(content)?.index ?? content.length
    const key = content
      .slice(at, end)
      .replace(/^export\s+/, '')
      .trimEnd()
    if (!name.test(key)) throw new ComposeProblem('This line is not NAME=value.', place)
    at = end + 1
    if (end >= content.length || content[end] === '\n') {
      const value = known.get(key)
      if (value !== undefined) found.set(key, value)
      continue
    }
    while (content[at] !== '\n' && /\s/.test(content[at] ?? '')) at += 1
    const quote = content[at]
    let value: string
    if (quote === '"' || quote === "'") {
      const end = closing(content, at, quote)
      if (end === -1) throw new ComposeProblem('A quoted value has no end.', place)
      value = unquoted(content.slice(at + 1, end), quote)
      at = end + 1
    } else {
      const end = content.indexOf('\n', at)
      const line = content.slice(at, end === -1 ? undefined : end)
      value = line.replace(/(?:^|\s)#.*$/, '').trimEnd()
      at = end === -1 ? content.length : end
    }
    found.set(key, quote === "'" ? value : substitute(value, variables, place, key))
  }
}

/** Lines are counted only for a message. */
const lazyPlace = (content: string, at: number, file: string): Place => ({
  file,
  get line() {
    return content.slice(0, at).split('\n').length
  },
})

/** The next character that begins a line's content. */
function skip(content: string, from: number): number {
  let at = from
  for (;;) {
    while (at < content.length && /\s/.test(content[at]!)) at += 1
    if (content[at] !== '#') return at
    const end = content.indexOf('\n', at)
    if (end === -1) return content.length
    at = end
  }
}

function closing(content: string, open: number, quote: string): number {
  for (let i = open + 1; i < content.length; i++) {
    if (content[i] === '\\') i += 1
    else if (content[i] === quote) return i
  }
  return -1
}

/** In double quotes the usual escapes count; in single ones only the quote itself. */
const unquoted = (value: string, quote: string): string =>
  quote === "'"
    ? value.replaceAll("\\'", "'")
    : value.replace(/\\([\s\S])/g, (whole, character: string) =>
        character === '$' ? '$$' : (escapes[character] ?? (/["\\]/.test(character) ? character : whole)),
      )
