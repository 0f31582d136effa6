import type { Tokens } from './tokens.js'

/** What an expression is, as far as configuration files need it. Everything else is `computed`. */
export type Expr =
  | { kind: 'literal'; value: string | number | boolean | null | undefined }
  | { kind: 'object'; entries: ({ key: string; value: Expr } | { spread: Expr })[] }
  | { kind: 'list'; items: Expr[] }
  | { kind: 'name'; name: string }
  | { kind: 'member'; of: Expr; key: string }
  | { kind: 'call'; callee: Expr; args: Expr[] }
  | { kind: 'function'; params: Param[]; body: Expr | { tokens: Tokens; from: number } }
  | { kind: 'choice'; test: Expr; yes: Expr; no: Expr }
  | { kind: 'binary'; op: string; left: Expr; right: Expr }
  | { kind: 'not'; of: Expr }
  | { kind: 'template'; parts: (string | Expr)[] }
  | { kind: 'computed' }

/** A parameter: a name, or the names that are taken out of an object. */
export type Param = { name: string } | { keys: { key: string; name: string; fallback?: Expr }[] }

export type Statement =
  | { kind: 'return'; value: Expr }
  | { kind: 'if'; test: Expr; yes: Block; no: Block }
  | { kind: 'set'; path: string[]; value: Expr }

export interface Block {
  /** `const`, `function`, imports: what names stand for. */
  names: Map<string, Expr>
  statements: Statement[]
}

export const computed: Expr = { kind: 'computed' }
export const emptyBlock = (): Block => ({ names: new Map(), statements: [] })
