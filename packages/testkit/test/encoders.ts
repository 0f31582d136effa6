import { inspect } from 'node:util'

/** What of base64 a value alone decides, `before` bytes behind a multiple of three: found by encoding it between different neighbours. */
function ownBase64(value: string, before: number, encoding: 'base64' | 'base64url' = 'base64'): string {
  const encode = (neighbour: number) =>
    Buffer.concat([Buffer.alloc(before, neighbour), Buffer.from(value), Buffer.alloc(3, neighbour)]).toString(encoding)
  const [low, high] = [encode(0), encode(0xff)]
  // What fills up the last group is no part of it.
  return [...low].filter((char, i) => char === high[i] && char !== '=').join('')
}

const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const hex = (value: string) => Buffer.from(value).toString('hex')
const json = (value: string) => JSON.stringify(value).slice(1, -1)

/** How programs show a value; written without a look at how the redactor finds it. */
export const encoders: Record<string, (value: string) => string> = {
  raw: (value) => value,
  'base64 at 0': (value) => ownBase64(value, 0),
  'base64 at 1': (value) => ownBase64(value, 1),
  'base64 at 2': (value) => ownBase64(value, 2),
  base64url: (value) => ownBase64(value, 0, 'base64url'),
  'url component': (value) => encodeURIComponent(value),
  'url form': (value) => new URLSearchParams([['', value]]).toString().slice(1),
  json,
  'json in json': (value) => json(json(value)),
  hex,
  'upper-case hex': (value) => hex(value).toUpperCase(),
  'shell, single quotes': (value) => value.split("'").join(`'\\''`),
  'shell, double quotes': (value) => value.replace(/["\\$`]/g, (char) => `\\${char}`),
  html: (value) => value.replace(/[&<>"']/g, (char) => named[char] ?? char),
  'a literal': (value) => value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll("'", "\\'"),
  'a buffer': (value) => inspect(Buffer.from(value)).replace(/^<Buffer | \.\.\. .*|>$/g, ''),
}

/** The same numbers for the same seed (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))
const alphabets: readonly (readonly string[])[] = [
  printable,
  [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/='],
  [...'äöüßéèçñåøłżčşğ中文字日本語한국어😀🚀🔑abc123'],
  [...'\'"`\\$ !{}()[]<>|;&*?~#ab1'],
  [...'ab12\n\nXY, '],
  [...":/?#[]@!$&'()*+,;=%-._~ab1"],
]

/** Secrets of 4 to 200 characters of every kind. Short ones hold a sign that is in no id and no digest, so that none is found by chance. */
export function secretValues(count: number, seed: number): string[] {
  const next = numbers(seed)
  const below = (limit: number) => Math.floor(next() * limit)
  return Array.from({ length: count }, (_, i) => {
    const alphabet = alphabets[i % alphabets.length] ?? printable
    const length = i % 5 === 0 ? 4 + below(8) : 4 + below(197)
    for (;;) {
      const signs = Array.from({ length }, () => alphabet[below(alphabet.length)] ?? '')
      const body = (length < 12 ? [...signs.slice(0, -2), '%', '~'] : signs).join('')
      if (body.trim() === body && new Set(body).size > 3) return body
    }
  })
}

/** Every way to show every value, but those so short that they are in any text. */
export function needlesOf(values: readonly string[]): Map<string, string> {
  const needles = new Map<string, string>()
  for (const [i, value] of values.entries())
    for (const [name, encode] of Object.entries(encoders)) {
      const text = encode(value)
      if (text.length >= 8 || text === value) needles.set(text, `value ${i}, ${name}`)
    }
  return needles
}

/** Which needles are in a text: one look at each place. */
export function finder(needles: Map<string, string>): (text: string) => string[] {
  const byStart = new Map<string, string[]>()
  for (const needle of needles.keys()) {
    const start = needle.slice(0, 4)
    byStart.set(start, [...(byStart.get(start) ?? []), needle])
  }
  return (text) => {
    const found: string[] = []
    for (let at = 0; at + 4 <= text.length; at += 1)
      for (const needle of byStart.get(text.slice(at, at + 4)) ?? [])
        if (text.startsWith(needle, at)) found.push(`${needles.get(needle)}: …${text.slice(Math.max(0, at - 40), at)}`)
    return found
  }
}

/** All texts and keys in a value, one a line: what JSON of it would hold, before JSON escapes it. */
export function textOf(value: unknown): string {
  const texts: string[] = []
  const collect = (inner: unknown): void => {
    if (typeof inner === 'string') texts.push(inner)
    else if (inner instanceof Error) {
      texts.push(inner.message, inner.stack ?? '')
      collect({ ...inner })
      collect(inner.cause)
    } else if (Array.isArray(inner)) for (const one of inner) collect(one)
    else if (typeof inner === 'object' && inner !== null)
      for (const [key, one] of Object.entries(inner)) {
        texts.push(key)
        collect(one)
      }
  }
  collect(value)
  return texts.join('\n')
}
