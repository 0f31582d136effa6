export type Token =
  | { kind: 'char'; char: string }
  /** `?`, `*`, `**`, and `**` with the slash behind it: also no folder at all. */
  | { kind: 'one' | 'many' | 'any' | 'folders' }
  | { kind: 'class'; not: boolean; ranges: [from: string, to: string][] }

/** `*` and `?` within a name, `[a-z]`, `\` before a character that means itself, and `**` over folders. */
export function tokens(pattern: string): Token[] {
  const out: Token[] = []
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!
    const close = char === '[' ? pattern.indexOf(']', i + 2) : -1
    if (char === '\\' && i + 1 < pattern.length) {
      i += 1
      out.push({ kind: 'char', char: pattern[i]! })
    } else if (char === '*') {
      const double = pattern[i + 1] === '*'
      while (pattern[i + 1] === '*') i += 1
      const folders = double && pattern[i + 1] === '/'
      if (folders) i += 1
      out.push({ kind: folders ? 'folders' : double ? 'any' : 'many' })
    } else if (char === '?') {
      out.push({ kind: 'one' })
    } else if (close !== -1) {
      out.push(classOf(pattern.slice(i + 1, close)))
      i = close
    } else {
      out.push({ kind: 'char', char })
    }
  }
  return out
}

function classOf(text: string): Token {
  const not = text.startsWith('^') || text.startsWith('!')
  const ranges: [string, string][] = []
  for (let i = not ? 1 : 0; i < text.length; i++) {
    const range = text[i + 1] === '-' && i + 2 < text.length
    ranges.push([text[i]!, range ? text[i + 2]! : text[i]!])
    if (range) i += 2
  }
  return { kind: 'class', not, ranges }
}

const takes = (token: Token, char: string): boolean => {
  if (token.kind === 'char') return token.char === char
  if (token.kind === 'class') return token.ranges.some(([from, to]) => char >= from && char <= to) !== token.not
  return token.kind === 'any' || token.kind === 'folders' || char !== '/'
}

const repeats = (token: Token | undefined): boolean =>
  token !== undefined && token.kind !== 'char' && token.kind !== 'class' && token.kind !== 'one'

/**
 * The lengths at which a beginning of the text matches, in order. All states at once: the steps are the product of both lengths at worst,
 * whatever the pattern. `spend` is told of each.
 */
export function* matchingLengths(
  list: readonly Token[],
  text: string,
  spend: (steps: number) => void = () => {},
): Generator<number> {
  let now = new Set<number>()
  const enter = (set: Set<number>, state: number): void => {
    set.add(state)
    for (let at = state; repeats(list[at]); at++) set.add(at + 1)
  }
  enter(now, 0)
  if (now.has(list.length)) yield 0
  for (let i = 0; i < text.length && now.size > 0; i++) {
    const char = text[i]!
    const next = new Set<number>()
    spend(now.size)
    for (const state of now) {
      const token = list[state]
      if (token === undefined || !takes(token, char)) continue
      if (repeats(token)) next.add(state)
      // Past `**/` only behind a slash.
      if (token.kind !== 'folders' || char === '/') enter(next, state + 1)
    }
    now = next
    if (now.has(list.length)) yield i + 1
  }
}

/** As in a shell's `${A#pattern}`, where a slash is a character like others. */
const flat = (pattern: string): Token[] =>
  tokens(pattern).map((token) => (token.kind === 'one' ? { kind: 'class', not: true, ranges: [] } : flatMany(token)))
const flatMany = (token: Token): Token => (repeats(token) ? { kind: 'any' } : token)

/** The value without its shortest, or longest, beginning that matches. */
export function removePrefix(value: string, pattern: string, greedy: boolean): string {
  const lengths = [...matchingLengths(flat(pattern), value)]
  return value.slice((greedy ? lengths.at(-1) : lengths[0]) ?? 0)
}

/** The value without its shortest, or longest, end that matches: the same, read backwards. */
export function removeSuffix(value: string, pattern: string, greedy: boolean): string {
  const backwards = [...value].reverse().join('')
  const lengths = [...matchingLengths(flat(pattern).reverse(), backwards)]
  return value.slice(0, value.length - ((greedy ? lengths.at(-1) : lengths[0]) ?? 0))
}
