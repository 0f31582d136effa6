import { posix } from 'node:path'
import { own } from '../sources/own.js'
import { parseBody } from './statement.js'
import type { Block, Expr, Param } from './syntax.js'
import {
  absent,
  type Entry,
  either,
  isAbsent,
  literal,
  type Scope,
  truth,
  unknown,
  type Value,
  variablesOf,
} from './value.js'

/** The directory of the configuration in the paths that it computes; deep enough to have some above it. */
export const here = '/@1/@2/@3/@4/@5/@6/@7/@8'

const known: Record<string, string> = {
  PHASE_PRODUCTION_BUILD: 'phase-production-build',
  PHASE_DEVELOPMENT_SERVER: 'phase-development-server',
  PHASE_PRODUCTION_SERVER: 'phase-production-server',
  PHASE_EXPORT: 'phase-export',
}

/** Reads values out of expressions. One reading has bounds: what takes more steps is unknown. */
export class Evaluator {
  #steps = 20_000
  #depth = 0

  /** `variable` says what a variable of the environment is when the application is built. */
  constructor(readonly variable: (name: string) => Value) {}

  evaluate(expr: Expr | Value, scope: Scope): Value {
    if ('type' in expr) return expr
    if (this.#steps <= 0 || this.#depth > 200) return unknown()
    this.#steps -= 1
    this.#depth += 1
    const value = this.#evaluate(expr, scope)
    this.#depth -= 1
    return value
  }

  #evaluate(expr: Expr, scope: Scope): Value {
    switch (expr.kind) {
      case 'literal':
        return literal(expr.value)
      case 'object':
        return { type: 'object', entries: expr.entries, scope }
      case 'list':
        return { type: 'list', items: expr.items, scope }
      case 'function':
        return { type: 'function', node: expr, scope }
      case 'name':
        return this.#name(expr.name, scope)
      case 'member':
        return this.#member(expr, scope)
      case 'call':
        return this.#call(expr, scope)
      case 'choice': {
        const test = this.evaluate(expr.test, scope)
        const decided = truth(test)
        if (decided !== null) return this.evaluate(decided ? expr.yes : expr.no, scope)
        return this.#doubt(test, [this.evaluate(expr.yes, scope), this.evaluate(expr.no, scope)])
      }
      case 'not': {
        const of = this.evaluate(expr.of, scope)
        const decided = truth(of)
        return decided === null ? unknown(variablesOf(of)) : literal(!decided)
      }
      case 'binary':
        return this.#binary(expr, scope)
      case 'template': {
        const parts = expr.parts.map((part) => (typeof part === 'string' ? literal(part) : this.evaluate(part, scope)))
        return parts.every((part) => part.type === 'literal')
          ? literal(parts.map((part) => String(part.type === 'literal' ? part.value : '')).join(''))
          : unknown(parts.flatMap(variablesOf))
      }
      default:
        return unknown()
    }
  }

  /** One of the options, by a test that cannot be told. */
  #doubt(test: Value, options: Value[]): Value {
    const one = either(options)
    return one.type === 'either' ? either([...one.options, unknown(variablesOf(test))]) : one
  }

  #name(name: string, scope: Scope): Value {
    if (name === '__dirname') return literal(here)
    if (name === '__filename') return literal(`${here}/config`)
    for (let at: Scope | null = scope; at !== null; at = at.parent) {
      const given = at.given.get(name)
      const written = at.names.get(name)
      if (given === undefined && written === undefined) continue
      let value = given ?? this.evaluate(written!, at)
      for (const { path, value: set } of at.sets)
        if (path[0] === name && path.length > 1) value = this.#overlaid(value, path.slice(1), set, at)
      return value
    }
    return unknown()
  }

  #overlaid(base: Value, [key, ...rest]: string[], set: Expr, scope: Scope): Value {
    const value: Expr | Value = rest.length === 0 ? set : this.#overlaid(this.get(base, key!), rest, set, scope)
    const entries: Entry[] = [{ spread: base }, { key: key!, value }]
    return { type: 'object', entries, scope }
  }

  #member(expr: Extract<Expr, { kind: 'member' }>, scope: Scope): Value {
    const { of, key } = expr
    if (of.kind === 'member' && of.key === 'env' && of.of.kind === 'name' && of.of.name === 'process')
      return this.variable(key)
    if (of.kind === 'member' && of.key === 'meta' && of.of.kind === 'name' && of.of.name === 'import')
      return key === 'url' || key === 'filename'
        ? literal(`${here}/config`)
        : key === 'dirname'
          ? literal(here)
          : unknown()
    const value = this.evaluate(of, scope)
    if (value.type === 'import') {
      if (/^(?:node:)?process$/.test(value.from) && value.key === 'env') return this.variable(key)
      const constant = value.from.startsWith('next/') ? own(known, key) : undefined
      if (constant !== undefined) return literal(constant)
      return { type: 'import', from: value.from, key }
    }
    if (value.type === 'literal') return key === 'pathname' || key === 'href' ? value : absent
    return this.get(value, key)
  }

  #binary({ op, left, right }: Extract<Expr, { kind: 'binary' }>, scope: Scope): Value {
    const first = this.evaluate(left, scope)
    const decided = truth(first)
    if (op === '&&' || op === '||' || op === '??') {
      const taken =
        op === '??'
          ? first.type === 'unknown'
            ? null
            : isAbsent(first)
          : op === '&&'
            ? decided
            : decided === null
              ? null
              : !decided
      if (taken === null) return this.#doubt(first, [op === '&&' ? absent : first, this.evaluate(right, scope)])
      return taken ? this.evaluate(right, scope) : first
    }
    const second = this.evaluate(right, scope)
    if (first.type !== 'literal' || second.type !== 'literal')
      return unknown([...variablesOf(first), ...variablesOf(second)])
    if (op === '===' || op === '==') return literal(first.value === second.value)
    if (op === '!==' || op === '!=') return literal(first.value !== second.value)
    return op === '+' ? literal(`${first.value}${second.value}`) : unknown()
  }

  #call(expr: Extract<Expr, { kind: 'call' }>, scope: Scope): Value {
    const { callee, args } = expr
    const name = callee.kind === 'name' ? callee.name : callee.kind === 'member' ? callee.key : ''
    const text = (at: number): string | null => {
      const value = args[at] === undefined ? absent : this.evaluate(args[at], scope)
      return value.type === 'literal' && typeof value.value === 'string' ? value.value : null
    }
    if ((name === 'require' || name === 'import') && callee.kind === 'name') {
      const from = text(0)
      return from === null ? unknown() : { type: 'import', from, key: '*' }
    }
    if (name === 'cwd') return literal(here)
    if (
      name === 'resolve' ||
      name === 'join' ||
      name === 'normalize' ||
      name === 'dirname' ||
      name === 'fileURLToPath' ||
      name === 'URL'
    ) {
      const parts = args.map((_, at) => text(at))
      if (parts.every((part) => part !== null)) return literal(pathOf(name, parts))
    }
    if (name === 'Boolean' && callee.kind === 'name' && args[0]) {
      const decided = truth(this.evaluate(args[0], scope))
      return decided === null ? unknown() : literal(decided)
    }
    const target = this.evaluate(callee, scope)
    if (target.type === 'function')
      return this.invoke(
        target,
        args.map((one) => this.evaluate(one, scope)),
      )
    const named: Value = target.type === 'unknown' && name !== '' ? { type: 'import', from: '', key: name } : target
    return { type: 'call', callee: named, args, scope }
  }

  /** What a function returns for these arguments. */
  invoke({ node, scope: outer }: Extract<Value, { type: 'function' }>, args: readonly Value[]): Value {
    const scope: Scope = { names: new Map(), given: new Map(), sets: [], parent: outer }
    for (const [at, param] of node.params.entries()) this.#bind(scope, param, args[at] ?? unknown())
    if (!('tokens' in node.body)) return this.evaluate(node.body, scope)
    if (this.#steps <= 0 || this.#depth > 200) return unknown()
    this.#steps -= 1
    this.#depth += 1
    const value = this.run(parseBody(node.body.tokens, node.body.from), scope)
    this.#depth -= 1
    return value
  }

  #bind(scope: Scope, param: Param, value: Value): void {
    if ('name' in param) scope.given.set(param.name, value)
    else
      for (const { key, name, fallback } of param.keys) {
        const got = this.get(value, key)
        scope.given.set(name, isAbsent(got) && fallback ? this.evaluate(fallback, scope) : got)
      }
  }

  /** Runs through a block: what it returns, its names and assignments in `scope`. */
  run(block: Block, scope: Scope, path: string | null = null): Value {
    for (const [name, expr] of block.names) scope.names.set(name, expr)
    const returns: Value[] = []
    for (const statement of block.statements) {
      if (statement.kind === 'set') {
        scope.sets.push(statement)
        if (path === null) continue
      } else if (statement.kind === 'return') {
        returns.push(this.evaluate(statement.value, scope))
        return either(returns)
      } else {
        const test = this.evaluate(statement.test, scope)
        const decided = truth(test)
        if (decided !== null) {
          const value = this.run(decided ? statement.yes : statement.no, scope)
          if (returnsOf(decided ? statement.yes : statement.no)) {
            returns.push(value)
            return either(returns)
          }
          continue
        }
        for (const branch of [statement.yes, statement.no]) {
          if (returnsOf(branch)) returns.push(this.run(branch, { ...scope, sets: [...scope.sets] }))
          for (const one of branch.statements)
            if (one.kind === 'set')
              scope.sets.push({
                ...one,
                value: { kind: 'choice', test: statement.test, yes: one.value, no: { kind: 'computed' } },
              })
        }
      }
    }
    return returns.length === 0 ? absent : either([...returns, absent])
  }

  /** The member of a value. */
  get(value: Value, key: string): Value {
    if (value.type === 'either') return either(value.options.map((one) => this.get(one, key)))
    if (value.type === 'unknown') return value
    if (value.type !== 'object') return absent
    const found: Value[] = []
    for (let i = value.entries.length - 1; i >= 0; i--) {
      const entry = value.entries[i]!
      if ('key' in entry) {
        if (entry.key !== key) continue
        return either([...found, this.evaluate(entry.value, value.scope)])
      }
      const spread = this.evaluate(entry.spread, value.scope)
      // What is spread from elsewhere is not followed, and taken not to hold the key.
      if (spread.type === 'unknown') continue
      const inside = this.get(spread, key)
      if (inside.type === 'either' && inside.options.some(isAbsent)) {
        found.push(...inside.options.filter((one) => !isAbsent(one)))
        continue
      }
      if (!isAbsent(inside)) return either([...found, inside])
    }
    return either([...found, absent])
  }
}

const returnsOf = (block: Block): boolean => block.statements.some((one) => one.kind === 'return')

function pathOf(name: string, parts: string[]): string {
  if (name === 'resolve') return posix.resolve(here, ...parts)
  if (name === 'join') return posix.join(...parts)
  if (name === 'normalize') return posix.normalize(parts[0] ?? '')
  if (name === 'dirname') return posix.dirname(parts[0] ?? '')
  if (name === 'URL' && parts.length > 1) return posix.join(posix.dirname(parts[1]!), parts[0]!)
  return (parts[0] ?? '').replace(/^file:\/\//, '')
}
