import { computed, type Expr, type Param } from './syntax.js'
import type { Tokens } from './tokens.js'

/** Nothing that people write is nested deeper. */
const deepest = 120

const strength: Record<string, number> = {
  ...{ '??': 1, '||': 2, '&&': 3, '===': 5, '!==': 5, '==': 5, '!=': 5, '+': 8 },
  ...{ '|': 4, '&': 4, '<': 6, '>': 6, '<=': 6, '>=': 6, '-': 8, '*': 9, '/': 9, '%': 9, '**': 9 },
}

export function parseExpression(tokens: Tokens, depth = 0): Expr {
  if (depth > deepest) {
    tokens.skipTo(',', ';')
    return computed
  }
  const arrow = parseArrow(tokens, depth)
  if (arrow) return arrow
  const test = parseBinary(tokens, depth, 0)
  if (!tokens.eat('?')) return test
  const yes = parseExpression(tokens, depth + 1)
  if (!tokens.eat(':')) return computed
  return { kind: 'choice', test, yes, no: parseExpression(tokens, depth + 1) }
}

function parseBinary(tokens: Tokens, depth: number, least: number): Expr {
  let left = parseUnary(tokens, depth)
  for (;;) {
    const { type, value } = tokens.peek()
    const power =
      type === 'mark' ? strength[value] : type === 'name' && (value === 'in' || value === 'instanceof') ? 6 : undefined
    if (power === undefined || power <= least) return left
    tokens.at += 1
    left = { kind: 'binary', op: value, left, right: parseBinary(tokens, depth + 1, power) }
  }
}

function parseUnary(tokens: Tokens, depth: number): Expr {
  if (depth > deepest) return computed
  if (tokens.eat('!')) return { kind: 'not', of: parseUnary(tokens, depth + 1) }
  const { type, value } = tokens.peek()
  if (type === 'name' && (value === 'await' || value === 'new')) {
    tokens.at += 1
    return parseUnary(tokens, depth + 1)
  }
  if ((type === 'mark' && ['-', '+', '~', '++', '--'].includes(value)) || (type === 'name' && value === 'typeof')) {
    tokens.at += 1
    parseUnary(tokens, depth + 1)
    return computed
  }
  return parsePostfix(tokens, depth, parsePrimary(tokens, depth))
}

function parsePostfix(tokens: Tokens, depth: number, first: Expr): Expr {
  let left = first
  for (;;) {
    if (tokens.is('.') || tokens.is('?.')) {
      tokens.at += 1
      if (tokens.peek().type === 'name') left = { kind: 'member', of: left, key: tokens.next().value }
    } else if (tokens.is('[')) {
      const end = tokens.closing()
      tokens.at += 1
      const key = parseExpression(tokens, depth + 1)
      left = key.kind === 'literal' ? { kind: 'member', of: left, key: String(key.value) } : computed
      tokens.at = end
    } else if (tokens.is('(')) left = { kind: 'call', callee: left, args: parseList(tokens, depth) }
    else if (tokens.is('<') && generics(tokens)) continue
    else if (tokens.is('!') && !tokens.is('=', 1)) tokens.at += 1
    else if (tokens.isName('as') || tokens.isName('satisfies')) {
      tokens.at += 1
      skipType(tokens)
    } else return left
  }
}

/** `<Type>` before the arguments of a call. */
function generics(tokens: Tokens): boolean {
  for (let i = 1; i < 60; i++) {
    const { type, value } = tokens.peek(i)
    if (type === 'mark' && value === '>') {
      if (!tokens.is('(', i + 1)) return false
      tokens.at += i + 1
      return true
    }
    if (type === 'end' || (type === 'mark' && ['(', ')', ';', '=', '&&', '||', '?'].includes(value))) return false
  }
  return false
}

/** Goes past a type. */
export function skipType(tokens: Tokens): void {
  for (;;) {
    const { type, value } = tokens.peek()
    if (type === 'name' && ['typeof', 'readonly', 'keyof'].includes(value)) tokens.at += 1
    else {
      if (type === 'mark' && ['{', '[', '('].includes(value)) tokens.at = tokens.closing()
      else if (type === 'name' || type === 'string') tokens.at += 1
      for (;;) {
        if (tokens.is('.') && tokens.peek(1).type === 'name') tokens.at += 2
        else if (tokens.is('[') || tokens.is('(')) tokens.at = tokens.closing()
        else if (tokens.is('<')) {
          for (let depth = 0; !tokens.done; ) {
            const { value: mark } = tokens.next()
            depth += mark === '<' ? 1 : mark === '>' ? -1 : mark === '>>' ? -2 : 0
            if (depth <= 0) break
          }
        } else break
      }
      if (!tokens.is('|') && !tokens.is('&')) return
      tokens.at += 1
    }
  }
}

/** Expressions between brackets, the opening one next. */
function parseList(tokens: Tokens, depth: number): Expr[] {
  const end = tokens.closing()
  tokens.at += 1
  const out: Expr[] = []
  while (tokens.at < end - 1) {
    const spread = tokens.eat('...')
    const value = parseExpression(tokens, depth + 1)
    out.push(spread ? computed : value)
    tokens.skipTo(',')
    if (!tokens.eat(',')) break
  }
  tokens.at = end
  return out
}

function parsePrimary(tokens: Tokens, depth: number): Expr {
  const { type, value, part } = tokens.peek()
  if (type === 'string') {
    tokens.at += 1
    return { kind: 'literal', value }
  }
  if (type === 'number') {
    tokens.at += 1
    return { kind: 'literal', value: Number(value.replaceAll('_', '')) }
  }
  if (part === 'head') return parseTemplate(tokens, depth)
  if (tokens.is('{')) return parseObject(tokens, depth)
  if (tokens.is('[')) return { kind: 'list', items: parseList(tokens, depth) }
  if (tokens.is('(')) {
    const end = tokens.closing()
    tokens.at += 1
    const inner = parseExpression(tokens, depth + 1)
    tokens.at = end
    return inner
  }
  if (type === 'name' && (value === 'function' || (value === 'async' && tokens.isName('function', 1))))
    return parseFunction(tokens, depth)
  if (type === 'name') {
    tokens.at += 1
    if (value === 'true' || value === 'false') return { kind: 'literal', value: value === 'true' }
    if (value === 'null') return { kind: 'literal', value: null }
    if (value === 'undefined') return { kind: 'literal', value: undefined }
    return { kind: 'name', name: value }
  }
  // What closes something is left to those who opened it.
  if (type === 'other') tokens.at += 1
  return computed
}

function parseTemplate(tokens: Tokens, depth: number): Expr {
  const end = tokens.closing()
  const parts: (string | Expr)[] = [tokens.next().value]
  while (tokens.at < end) {
    parts.push(parseExpression(tokens, depth + 1))
    while (tokens.at < end && tokens.peek().type !== 'template') tokens.at += 1
    if (tokens.at < end) parts.push(tokens.next().value)
  }
  tokens.at = end
  return { kind: 'template', parts }
}

function parseObject(tokens: Tokens, depth: number): Expr {
  const end = tokens.closing()
  const entries: Extract<Expr, { kind: 'object' }>['entries'] = []
  tokens.at += 1
  while (tokens.at < end - 1) {
    if (tokens.eat('...')) entries.push({ spread: parseExpression(tokens, depth + 1) })
    else {
      while (
        tokens.peek().type === 'name' &&
        ['async', 'get', 'static'].includes(tokens.peek().value) &&
        ['name', 'string'].includes(tokens.peek(1).type)
      )
        tokens.at += 1
      tokens.eat('*')
      const key = tokens.peek()
      if (tokens.is('[')) tokens.at = tokens.closing()
      else tokens.at += 1
      if (key.type === 'mark') tokens.skipTo(',')
      else if (tokens.eat(':')) entries.push({ key: key.value, value: parseExpression(tokens, depth + 1) })
      else if (tokens.is('(')) entries.push({ key: key.value, value: parseParamsAndBody(tokens, depth) })
      else entries.push({ key: key.value, value: { kind: 'name', name: key.value } })
    }
    tokens.skipTo(',')
    if (!tokens.eat(',')) break
  }
  tokens.at = end
  return { kind: 'object', entries }
}

function parseParams(tokens: Tokens, depth: number): Param[] {
  const end = tokens.closing()
  const params: Param[] = []
  tokens.at += 1
  while (tokens.at < end - 1) {
    if (tokens.is('{')) {
      const close = tokens.closing()
      const keys: { key: string; name: string; fallback?: Expr }[] = []
      tokens.at += 1
      while (tokens.at < close - 1) {
        const key = tokens.next().value
        const name = tokens.eat(':') ? tokens.next().value : key
        keys.push(tokens.eat('=') ? { key, name, fallback: parseExpression(tokens, depth + 1) } : { key, name })
        tokens.skipTo(',')
        if (!tokens.eat(',')) break
      }
      tokens.at = close
      params.push({ keys })
    } else params.push({ name: tokens.next().value })
    tokens.skipTo(',')
    if (!tokens.eat(',')) break
  }
  tokens.at = end
  return params
}

/** `(a, b): Type { … }`, the opening bracket next. */
function parseParamsAndBody(tokens: Tokens, depth: number): Expr {
  const params = parseParams(tokens, depth)
  if (tokens.eat(':')) skipType(tokens)
  return tokens.is('{') ? functionAt(tokens, params) : computed
}

/** Its body is parsed by who asks for it. */
function functionAt(tokens: Tokens, params: Param[]): Expr {
  const from = tokens.at
  tokens.at = tokens.closing()
  return { kind: 'function', params, body: { tokens, from } }
}

export function parseFunction(tokens: Tokens, depth: number): Expr {
  while (tokens.isName('async') || tokens.isName('function') || tokens.is('*')) tokens.at += 1
  if (tokens.peek().type === 'name') tokens.at += 1
  return tokens.is('(') ? parseParamsAndBody(tokens, depth) : computed
}

function parseArrow(tokens: Tokens, depth: number): Expr | null {
  const start = tokens.at
  if (tokens.isName('async') && (tokens.is('(', 1) || tokens.is('=>', 2))) tokens.at += 1
  let params: Param[]
  if (tokens.peek().type === 'name' && tokens.is('=>', 1)) {
    params = [{ name: tokens.next().value }]
  } else {
    const close = tokens.is('(') ? tokens.closing() : -1
    const typed = close > 0 && tokens.is(':', close - tokens.at)
    const found = close > 0 && (tokens.is('=>', close - tokens.at) || (typed && arrowBehindType(tokens, close)))
    if (!found) {
      tokens.at = start
      return null
    }
    params = parseParams(tokens, depth)
    if (tokens.eat(':')) skipType(tokens)
  }
  if (!tokens.eat('=>')) {
    tokens.at = start
    return null
  }
  if (tokens.is('{')) return functionAt(tokens, params)
  return { kind: 'function', params, body: parseExpression(tokens, depth + 1) }
}

function arrowBehindType(tokens: Tokens, close: number): boolean {
  const start = tokens.at
  tokens.at = close + 1
  skipType(tokens)
  const found = tokens.is('=>')
  tokens.at = start
  return found
}
