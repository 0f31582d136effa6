import { parseExpression, parseFunction, skipType } from './expression.js'
import { type Block, computed, type Expr, emptyBlock } from './syntax.js'
import { Tokens } from './tokens.js'

/** A module: what its names stand for, and `exports` by assignments to `module.exports` and `default`. */
export function parseModule(source: string): Block {
  const tokens = new Tokens(source)
  const block = emptyBlock()
  while (!tokens.done) {
    const before = tokens.at
    parseStatement(tokens, block, 0)
    if (tokens.at === before) tokens.at += 1
  }
  return block
}

/** The statements of a function's body. */
export function parseBody(tokens: Tokens, from: number): Block {
  tokens.at = from
  return parseBlock(tokens, 1)
}

/** Statements between braces, the opening one next. */
function parseBlock(tokens: Tokens, depth: number): Block {
  const end = tokens.closing()
  const block = emptyBlock()
  tokens.at += 1
  while (tokens.at < end - 1) {
    const before = tokens.at
    if (depth > 120) break
    parseStatement(tokens, block, depth)
    if (tokens.at === before) tokens.at += 1
  }
  tokens.at = end
  return block
}

/** A block, or one statement instead. */
function parseBranch(tokens: Tokens, depth: number): Block {
  if (tokens.is('{')) return parseBlock(tokens, depth + 1)
  const block = emptyBlock()
  parseStatement(tokens, block, depth + 1)
  return block
}

function parseStatement(tokens: Tokens, block: Block, depth: number): void {
  const { type, value } = tokens.peek()
  if (type !== 'name') {
    if (tokens.is('{')) tokens.at = tokens.closing()
    else if (tokens.is('(') || tokens.is('[')) {
      parseExpression(tokens, depth + 1)
    } else tokens.at += 1
    return
  }
  if (value === 'import' && !tokens.is('(', 1) && !tokens.is('.', 1)) {
    parseImport(tokens, block)
    return
  }
  if (value === 'export') {
    tokens.at += 1
    const declared = tokens.isName('const') || tokens.isName('let') || tokens.isName('var') || tokens.isName('function')
    const { value: name } = tokens.peek(1)
    if (declared && tokens.peek(1).type === 'name')
      block.statements.push({ kind: 'set', path: ['exports', name], value: { kind: 'name', name } })
    if (!tokens.isName('default')) return
    tokens.at += 1
    block.statements.push({ kind: 'set', path: ['export default'], value: parseExpression(tokens, depth + 1) })
    return
  }
  if (value === 'const' || value === 'let' || value === 'var') {
    parseNames(tokens, block, depth)
    return
  }
  if (value === 'function' || (value === 'async' && tokens.isName('function', 1))) {
    const name = tokens.peek(value === 'async' ? 2 : 1)
    block.names.set(name.value, parseFunction(tokens, depth))
    return
  }
  if (value === 'return') {
    tokens.at += 1
    block.statements.push({ kind: 'return', value: parseExpression(tokens, depth + 1) })
    return
  }
  if (value === 'if' && tokens.is('(', 1)) {
    tokens.at += 1
    const end = tokens.closing()
    tokens.at += 1
    const test = parseExpression(tokens, depth + 1)
    tokens.at = end
    const yes = parseBranch(tokens, depth)
    tokens.eat(';')
    let no = emptyBlock()
    if (tokens.isName('else')) {
      tokens.at += 1
      no = parseBranch(tokens, depth)
    }
    block.statements.push({ kind: 'if', test, yes, no })
    return
  }
  if (value === 'type' && tokens.peek(1).type === 'name') {
    tokens.at += 2
    return
  }
  const expr = parseExpression(tokens, depth + 1)
  if (!tokens.is('=')) return
  tokens.at += 1
  const path = pathOf(expr)
  const assigned = parseExpression(tokens, depth + 1)
  if (path) block.statements.push({ kind: 'set', path, value: assigned })
}

/** `a.b.c` as its names. */
function pathOf(expr: Expr): string[] | null {
  if (expr.kind === 'name') return [expr.name]
  if (expr.kind !== 'member') return null
  const before = pathOf(expr.of)
  return before && [...before, expr.key]
}

function parseNames(tokens: Tokens, block: Block, depth: number): void {
  tokens.at += 1
  do {
    const { type, value } = tokens.peek()
    if (tokens.is('{')) {
      const end = tokens.closing()
      const taken: { key: string; name: string }[] = []
      tokens.at += 1
      while (tokens.at < end - 1) {
        const key = tokens.next().value
        taken.push({ key, name: tokens.eat(':') ? tokens.next().value : key })
        tokens.skipTo(',')
        if (!tokens.eat(',')) break
      }
      tokens.at = end
      tokens.skipTo('=', ';', ',')
      const of = tokens.eat('=') ? parseExpression(tokens, depth + 1) : computed
      for (const { key, name } of taken) block.names.set(name, { kind: 'member', of, key })
      continue
    }
    if (type !== 'name') return
    tokens.at += 1
    if (tokens.is(':')) {
      tokens.at += 1
      skipType(tokens)
      tokens.skipTo('=', ';')
    }
    block.names.set(value, tokens.eat('=') ? parseExpression(tokens, depth + 1) : { kind: 'literal', value: undefined })
  } while (tokens.eat(','))
}

/** `import a, { b as c } from 'x'`: each name as a member of the module. */
function parseImport(tokens: Tokens, block: Block): void {
  tokens.at += 1
  if (tokens.isName('type') && !tokens.isName('from', 1) && !tokens.is(',', 1)) tokens.at += 1
  const taken: { key: string; name: string }[] = []
  while (!tokens.done && tokens.peek().type !== 'string' && !tokens.is(';')) {
    if (tokens.eat('{') || tokens.eat('}') || tokens.eat(',')) continue
    const star = tokens.eat('*')
    const first = tokens.next()
    if (first.type !== 'name') break
    if (first.value === 'from') break
    if (first.value === 'type' && tokens.peek().type === 'name' && !tokens.isName('from')) continue
    const other = !star && tokens.isName('as')
    if (other) tokens.at += 1
    const name = star ? tokens.next().value : other ? tokens.next().value : first.value
    taken.push({ key: star ? '*' : first.value, name })
  }
  const from = tokens.peek()
  if (from.type !== 'string') return
  tokens.at += 1
  const module: Expr = {
    kind: 'call',
    callee: { kind: 'name', name: 'import' },
    args: [{ kind: 'literal', value: from.value }],
  }
  for (const { key, name } of taken) block.names.set(name, { kind: 'member', of: module, key })
  block.names.set(`import ${from.value}`, module)
}
