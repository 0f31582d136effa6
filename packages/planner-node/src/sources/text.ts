import jsTokens from 'js-tokens'

export interface Word {
  type: 'name' | 'string' | 'number' | 'mark'
  value: string
}

/** The words of JavaScript or TypeScript without comments and white space: what is commented out or quoted cannot be taken for code. */
export function words(source: string): Word[] {
  const out: Word[] = []
  for (const token of jsTokens(source)) {
    if (token.type === 'IdentifierName') out.push({ type: 'name', value: token.value })
    else if (token.type === 'StringLiteral' || token.type === 'NoSubstitutionTemplate')
      out.push({ type: 'string', value: token.closed ? token.value.slice(1, -1) : token.value.slice(1) })
    else if (token.type === 'NumericLiteral') out.push({ type: 'number', value: token.value })
    else if (token.type === 'Punctuator') out.push({ type: 'mark', value: token.value })
    else if (token.type.startsWith('Template')) out.push({ type: 'mark', value: '`' })
  }
  return out
}

export const isMark = (word: Word | undefined, value: string): boolean => word?.type === 'mark' && word.value === value
export const isName = (word: Word | undefined, value: string): boolean => word?.type === 'name' && word.value === value

/** A port number, or undefined. */
export function portOf(word: Word | undefined): number | undefined {
  if (word?.type !== 'number' && word?.type !== 'string') return undefined
  const port = Number(word.value.replaceAll('_', ''))
  return Number.isInteger(port) && port >= 1 && port <= 65_535 && word.value !== '' ? port : undefined
}

/** Where the value of `key:` begins, at the given depth of braces in `list`, or -1. */
export function valueOf(list: Word[], key: string, depth: number | null = null): number {
  let level = 0
  for (let i = 0; i < list.length - 2; i++) {
    const word = list[i]!
    if (isMark(word, '{')) level += 1
    else if (isMark(word, '}')) level -= 1
    else if (word.value === key && word.type !== 'mark' && isMark(list[i + 1], ':')) {
      const before = list[i - 1]
      const starts = before === undefined || isMark(before, '{') || isMark(before, ',')
      if (starts && (depth === null || depth === level)) return i + 2
    }
  }
  return -1
}

/** The words of the object that begins at `start`, its braces included. */
export function objectAt(list: Word[], start: number): Word[] {
  let level = 0
  for (let i = start; i < list.length; i++) {
    if (isMark(list[i], '{')) level += 1
    else if (isMark(list[i], '}')) level -= 1
    if (level === 0) return list.slice(start, i + 1)
  }
  return list.slice(start)
}

/** A path written as a string or as `resolve(__dirname, 'x')`; null where it is computed otherwise. */
export function pathAt(list: Word[], start: number): string | null {
  const first = list[start]
  const ends = (word: Word | undefined) => word === undefined || [',', '}', ')', ';'].includes(word.value)
  if (first?.type === 'string') return ends(list[start + 1]) ? first.value : null
  let i = start
  if (isName(first, 'path') && isMark(list[start + 1], '.')) i += 2
  const call = isName(list[i], 'resolve') || isName(list[i], 'join')
  const here = isName(list[i + 2], '__dirname') && isMark(list[i + 3], ',')
  const last = list[i + 4]
  return call && isMark(list[i + 1], '(') && here && last?.type === 'string' && isMark(list[i + 5], ')')
    ? last.value
    : null
}
