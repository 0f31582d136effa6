import type { Expr, Statement } from './syntax.js'

/** What an expression comes to, without anything of it being run. Objects keep their entries as they are written until one is asked for. */
export type Value =
  | { type: 'literal'; value: string | number | boolean | null | undefined }
  | { type: 'object'; entries: readonly Entry[]; scope: Scope }
  | { type: 'list'; items: readonly Expr[]; scope: Scope }
  | { type: 'import'; from: string; key: string }
  | { type: 'call'; callee: Value; args: readonly Expr[]; scope: Scope }
  | { type: 'function'; node: Extract<Expr, { kind: 'function' }>; scope: Scope }
  /** One of these: what decides is not known. */
  | { type: 'either'; options: readonly Value[] }
  /** Cannot be told; `variables` are those of the environment that it may depend on. */
  | { type: 'unknown'; variables: readonly string[] }

export type Entry = { key: string; value: Expr | Value } | { spread: Expr | Value }

export interface Scope {
  names: Map<string, Expr>
  /** What parameters stand for. */
  given: Map<string, Value>
  /** Assignments to members of names, in order. */
  sets: Extract<Statement, { kind: 'set' }>[]
  parent: Scope | null
}

export const literal = (value: string | number | boolean | null | undefined): Value => ({ type: 'literal', value })
export const absent: Value = literal(undefined)
export const unknown = (variables: readonly string[] = []): Value => ({ type: 'unknown', variables })

export const isAbsent = (value: Value): boolean =>
  value.type === 'literal' && (value.value === undefined || value.value === null)

/** Both, or the one where they are the same. */
export function either(options: readonly Value[]): Value {
  const out: Value[] = []
  for (const one of options.flatMap((option) => (option.type === 'either' ? option.options : [option]))) {
    const twice = out.some(
      (other) => one === other || (one.type === 'literal' && other.type === 'literal' && one.value === other.value),
    )
    if (!twice) out.push(one)
  }
  return out.length === 1 ? out[0]! : { type: 'either', options: out }
}

/** Does it count as true? Null where that cannot be told. */
export function truth(value: Value): boolean | null {
  if (value.type === 'literal') return Boolean(value.value)
  if (value.type === 'unknown') return null
  if (value.type !== 'either') return true
  const all = new Set(value.options.map(truth))
  return all.size === 1 ? [...all][0]! : null
}

/** The variables that it may depend on. */
export const variablesOf = (value: Value): string[] =>
  value.type === 'unknown'
    ? [...value.variables]
    : value.type === 'either'
      ? [...new Set(value.options.flatMap(variablesOf))]
      : []
