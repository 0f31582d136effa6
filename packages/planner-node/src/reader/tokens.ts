import jsTokens from 'js-tokens'

export interface Token {
  type: 'name' | 'string' | 'number' | 'mark' | 'template' | 'other' | 'end'
  /** Of a string or a template its text, without quotes. */
  value: string
  /** Of a template: does it begin or end here, or go on? */
  part?: 'head' | 'middle' | 'tail'
}

const end: Token = { type: 'end', value: '' }

const plain = (text: string): string =>
  text.includes('\\') ? text.replace(/\\(?:u\{?[0-9a-fA-F]+\}?|x[0-9a-fA-F]{2}|\r?\n|.)/g, (one) => one.slice(1)) : text

/** The tokens of a module without comments and white space, and a place among them. */
export class Tokens {
  readonly #list: Token[] = []
  #ends: (number | undefined)[] | null = null
  at = 0

  constructor(source: string) {
    for (const { type, value } of jsTokens(source)) {
      if (type === 'IdentifierName') this.#list.push({ type: 'name', value })
      else if (type === 'StringLiteral') this.#list.push({ type: 'string', value: plain(value.slice(1, -1)) })
      else if (type === 'NoSubstitutionTemplate') this.#list.push({ type: 'string', value: plain(value.slice(1, -1)) })
      else if (type === 'TemplateHead')
        this.#list.push({ type: 'template', value: plain(value.slice(1, -2)), part: 'head' })
      else if (type === 'TemplateMiddle')
        this.#list.push({ type: 'template', value: plain(value.slice(1, -2)), part: 'middle' })
      else if (type === 'TemplateTail')
        this.#list.push({ type: 'template', value: plain(value.slice(1, -1)), part: 'tail' })
      else if (type === 'NumericLiteral') this.#list.push({ type: 'number', value })
      else if (type === 'Punctuator') this.#list.push({ type: 'mark', value })
      else if (type === 'RegularExpressionLiteral') this.#list.push({ type: 'other', value: '' })
    }
  }

  peek(ahead = 0): Token {
    return this.#list[this.at + ahead] ?? end
  }

  is(value: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token.type === 'mark' && token.value === value
  }

  isName(value: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token.type === 'name' && token.value === value
  }

  /** Takes the mark where it is next. */
  eat(value: string): boolean {
    if (!this.is(value)) return false
    this.at += 1
    return true
  }

  next(): Token {
    const token = this.peek()
    this.at += 1
    return token
  }

  get done(): boolean {
    return this.at >= this.#list.length
  }

  /** The place behind the bracket that closes the one at the place. */
  closing(from = this.at): number {
    this.#ends ??= this.#pairs()
    return this.#ends[from] ?? from + 1
  }

  #pairs(): (number | undefined)[] {
    const ends: (number | undefined)[] = new Array(this.#list.length)
    const open: number[] = []
    for (const [i, { type, value, part }] of this.#list.entries()) {
      if (part === 'head' || (type === 'mark' && (value === '(' || value === '[' || value === '{'))) open.push(i)
      else if (part === 'tail' || (type === 'mark' && (value === ')' || value === ']' || value === '}'))) {
        const start = open.pop()
        if (start !== undefined) ends[start] = i + 1
      }
    }
    for (const start of open) ends[start] = this.#list.length
    return ends
  }

  /** Goes on to the next of these marks outside of brackets, or to the bracket that closes what the place is in. */
  skipTo(...marks: string[]): void {
    while (!this.done) {
      const { type, value, part } = this.peek()
      if (type === 'mark' && marks.includes(value)) return
      if (part === 'head' || (type === 'mark' && (value === '(' || value === '[' || value === '{')))
        this.at = this.closing()
      else if (part === 'tail' || (type === 'mark' && (value === ')' || value === ']' || value === '}'))) return
      else this.at += 1
    }
  }
}
