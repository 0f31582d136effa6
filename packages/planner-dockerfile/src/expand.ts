import { removePrefix, removeSuffix } from './glob.js'
import { limits } from './options.js'
import { isSpace } from './words.js'

/** The value of a variable: null where it has one that only the build knows, undefined where it has none. */
export type Lookup = (name: string) => string | null | undefined

export interface Expanded {
  text: string
  /** The text split at white space outside of quotes, after the variables were put in. */
  words: string[]
  /** Variables without a value, for which nothing was put in. */
  unset: string[]
  /** A value that only the build knows took part: neither `text` nor `words` can be relied on. */
  unknown: boolean
}

/** What a builder would refuse, in words. */
export class Unexpandable extends Error {}

class TooLong extends Error {}

/** Puts variables in: `$A`, `${A}`, `${A:-b}`, `${A+b}`, `${A:?c}`, `${A#d}`; takes quotes and escapes away. */
export function expand(text: string, lookup: Lookup, escape: string): Expanded {
  const expansion = new Expansion(text, lookup, escape)
  try {
    return expansion.all()
  } catch (error) {
    // A value that doubles with each line is not followed any further.
    if (error instanceof TooLong) return { text: '', words: [], unset: [...expansion.unset], unknown: true }
    throw error
  }
}

class Expansion {
  readonly unset = new Set<string>()
  private unknown = false
  private at = 0

  constructor(
    private readonly text: string,
    private readonly lookup: Lookup,
    private readonly escape: string,
  ) {}

  all(): Expanded {
    const { text, escape } = this
    const words = new Words()
    let out = ''
    while (this.at < text.length) {
      const char = text[this.at]!
      let part = char
      if (char === '$') {
        part = this.dollar(0)
        words.split(part)
      } else if (char === "'" || char === '"') {
        part = char === '"' ? this.doubleQuoted(0) : this.singleQuoted()
        words.add(part)
      } else if (char === escape) {
        part = text[this.at + 1] ?? ''
        this.at += 2
        words.add(part)
      } else {
        this.at += 1
        if (isSpace(char)) words.end()
        else words.add(char)
      }
      out = grow(out, part)
    }
    return { text: out, words: words.done(), unset: [...this.unset], unknown: this.unknown }
  }

  private doubleQuoted(depth: number): string {
    const { text, escape } = this
    let out = ''
    this.at += 1
    while (this.at < text.length) {
      const char = text[this.at]!
      if (char === '$') {
        out = grow(out, this.dollar(depth))
        continue
      }
      this.at += 1
      if (char === '"') return out
      const next = text[this.at]
      if (char === escape && (next === '"' || next === '$' || next === escape)) {
        this.at += 1
        out = grow(out, next)
      } else {
        out = grow(out, char)
      }
    }
    throw new Unexpandable('a double quote is not closed')
  }

  private singleQuoted(): string {
    const close = this.text.indexOf("'", this.at + 1)
    if (close === -1) throw new Unexpandable('a single quote is not closed')
    const out = this.text.slice(this.at + 1, close)
    this.at = close + 1
    return out
  }

  /** The word of a `${A:-word}`: up to its brace, which is left behind. */
  private word(depth: number, { raw }: { raw: boolean }): string {
    const { text, escape } = this
    let out = ''
    while (this.at < text.length) {
      const char = text[this.at]!
      if (char === '}') {
        this.at += 1
        return out
      }
      if (char === '$') out = grow(out, this.dollar(depth))
      else if (char === "'") out = grow(out, this.singleQuoted())
      else if (char === '"') out = grow(out, this.doubleQuoted(depth))
      else {
        const escaped = char === escape && this.at + 1 < text.length
        out = grow(out, escaped ? (raw ? char : '') + text[this.at + 1] : char)
        this.at += escaped ? 2 : 1
      }
    }
    throw new Unexpandable('a } is missing after a ${')
  }

  private name(): string {
    const pattern = /(?:[0-9]+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*)/uy
    pattern.lastIndex = this.at
    const name = pattern.exec(this.text)?.[0] ?? ''
    this.at += name.length
    return name
  }

  /** The value of a name that is put in as it is. */
  private value(name: string): string {
    const value = this.lookup(name)
    if (value === undefined) this.unset.add(name)
    if (value === null) this.unknown = true
    return value ?? ''
  }

  /** From the `$` on. */
  private dollar(depth: number): string {
    if (depth > limits.nesting) throw new Unexpandable('variables are nested too deeply')
    const { text } = this
    this.at += 1
    if (text[this.at] !== '{') {
      const name = this.name()
      return name === '' ? '$' : this.value(name)
    }
    this.at += 1
    const name = this.name()
    if (name === '') throw new Unexpandable('a ${ is followed by no name')
    let operator = text[this.at] ?? ''
    this.at += 1
    if (operator === '}') return this.value(name)
    const nullToo = operator === ':'
    if (nullToo) {
      operator = text[this.at] ?? ''
      this.at += 1
    }
    if (operator === '-' || operator === '+' || operator === '?') return this.otherwise(name, operator, nullToo, depth)
    if (operator === '#' || operator === '%') return this.trimmed(name, operator, depth)
    if (operator === '/' && !nullToo) {
      this.word(depth + 1, { raw: true })
      this.unknown = true
      return ''
    }
    throw new Unexpandable(`\${${name}${nullToo ? ':' : ''}${operator.trim()} is no substitution`)
  }

  private otherwise(name: string, operator: '-' | '+' | '?', nullToo: boolean, depth: number): string {
    const before = this.unknown
    const word = this.word(depth + 1, { raw: false })
    const unknownWord = this.unknown
    this.unknown = before
    const value = this.lookup(name)
    const absent = value === undefined || (nullToo && value === '')
    if (operator === '?' && absent) {
      throw new Unexpandable(`${name} must have a value${word === '' ? '' : `: ${word}`}`)
    }
    // Of a value that only the build knows, it is known that it is set, not whether it is empty.
    if (value === null && (operator !== '+' || nullToo)) this.unknown = true
    if (operator === '?' || absent === (operator === '+')) return absent ? '' : (value ?? '')
    this.unknown ||= unknownWord
    return word
  }

  private trimmed(name: string, operator: '#' | '%', depth: number): string {
    const greedy = this.text[this.at] === operator
    if (greedy) this.at += 1
    const pattern = this.word(depth + 1, { raw: true })
    const value = this.value(name)
    if (value.length > limits.trimmedLength) throw new TooLong()
    return operator === '#' ? removePrefix(value, pattern, greedy) : removeSuffix(value, pattern, greedy)
  }
}

function grow(text: string, part: string): string {
  if (text.length + part.length > limits.valueLength) throw new TooLong()
  return text + part
}

/** Collects words: white space ends one only where it was not quoted. */
class Words {
  private readonly list: string[] = []
  private word = ''

  add(part: string): void {
    this.word += part
  }

  split(part: string): void {
    const [first = '', ...rest] = part.split(/\s/)
    this.add(first)
    for (const one of rest) {
      this.end()
      this.add(one)
    }
  }

  done(): string[] {
    this.end()
    return this.list
  }

  end(): void {
    if (this.word !== '') this.list.push(this.word)
    this.word = ''
  }
}
