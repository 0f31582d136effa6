import { isSpace, words } from './words.js'

export type Pair = [name: string, value: string]

/** `ENV a=1 b="2 3"`, and the old form `ENV a the rest`. Null where a name has no value. */
export function readPairs(rest: string, escape: string): Pair[] | null {
  const list = words(rest, escape, { raw: true })
  if (list[0] !== undefined && !list[0].includes('=')) {
    let end = 0
    while (end < rest.length && !isSpace(rest[end]!)) end += 1
    const value = rest.slice(end).trim()
    return value === '' ? null : [[rest.slice(0, end), value]]
  }
  const pairs: Pair[] = []
  for (const word of list) {
    const equals = word.indexOf('=')
    if (equals < 1) return null
    pairs.push([word.slice(0, equals), word.slice(equals + 1)])
  }
  return pairs
}

/** `ARG a b=1`: the value is undefined where there is none. Null where a name is empty. */
export function readArgs(rest: string, escape: string): [name: string, value: string | undefined][] | null {
  const args = words(rest, escape, { raw: true }).map((word): [string, string | undefined] => {
    const equals = word.indexOf('=')
    return equals === -1 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)]
  })
  return args.some(([name]) => name === '') ? null : args
}
