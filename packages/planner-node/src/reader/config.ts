import { posix } from 'node:path'
import { Evaluator, here } from './evaluate.js'
import { parseModule } from './statement.js'
import type { Expr } from './syntax.js'
import { absent, either, isAbsent, literal, type Scope, unknown, type Value, variablesOf } from './value.js'

/** A setting as it stands in a configuration file. */
export type Setting =
  | { state: 'absent' }
  | { state: 'known'; value: string | number | boolean }
  /** There is something, which is not one word: an object, a list, a function. */
  | { state: 'given' }
  /** It is computed from what cannot be told. */
  | { state: 'computed'; variables: string[] }

/** A call in a configuration: of what, from which module, and its first argument. */
export interface Call {
  from: string
  name: string
  argument: Value
  args: Value[]
}

/** With whom later arguments win over earlier ones. */
const merging = new Set(['mergeConfig', 'assign', 'merge', 'deepmerge', 'extend', 'mergeRsbuildConfig'])

/** A configuration file, read as text: settings by their path, and the calls that it makes. */
export class Config {
  readonly #evaluator: Evaluator
  readonly #root: Value
  /** The variables of the environment that what was read depended on. */
  readonly variables = new Set<string>()

  constructor(
    readonly file: string,
    source: string,
    variable: (name: string) => Value = () => absent,
    phase = '',
  ) {
    this.#evaluator = new Evaluator((name) => {
      if (name === 'NODE_ENV') return literal('production')
      this.variables.add(name)
      return variable(name)
    })
    const json = /\.jsonc?$/.test(file)
    this.#root = this.#open(json ? `export default ${source.replace(/^\uFEFF/, '')}` : source, phase)
  }

  #open(source: string, phase: string): Value {
    const scope: Scope = { names: new Map(), given: new Map(), sets: [], parent: null }
    const block = parseModule(source)
    this.#evaluator.run(block, scope)
    let exported: Expr | undefined
    const entries: { key: string; value: Expr }[] = []
    for (const { path, value } of scope.sets) {
      const at = path.join('.')
      if (at === 'export default' || at === 'module.exports' || at === 'exports.default') exported = value
      else if (path[0] === 'module' && path[1] === 'exports') entries.push({ key: path[2]!, value })
      else if (path[0] === 'exports') entries.push({ key: path[1]!, value })
    }
    const given: Value = {
      type: 'object',
      scope,
      entries: [
        { key: 'command', value: literal('build') },
        { key: 'mode', value: literal('production') },
        { key: 'isSsrBuild', value: literal(false) },
        { key: 'prod', value: literal(true) },
        { key: 'dev', value: literal(false) },
      ],
    }
    const first = phase === '' ? given : literal(phase)
    const whole: Value = exported === undefined ? absent : this.#view(this.#evaluator.evaluate(exported, scope), first)
    if (entries.length === 0) return whole
    return { type: 'object', scope, entries: [{ spread: whole }, ...entries] }
  }

  /** The object that a configuration comes to: through functions, and through calls such as `defineConfig(…)`. */
  #view(value: Value, first: Value, depth = 0): Value {
    if (depth > 20) return unknown()
    const again = (one: Value) => this.#view(one, first, depth + 1)
    if (value.type === 'either') return either(value.options.map(again))
    if (value.type === 'function') return again(this.#evaluator.invoke(value, [first, unknown()]))
    if (value.type !== 'call') return value
    const views = value.args
      .map((one) => again(this.#evaluator.evaluate(one, value.scope)))
      .filter((one) => one.type === 'object' || one.type === 'either')
    // What wraps nothing adds its own settings to none.
    if (views.length === 0) return value.args.length === 0 ? { ...value, type: 'object', entries: [] } : unknown()
    const name = value.callee.type === 'import' ? value.callee.key : ''
    const order = merging.has(name) ? views : views.reverse()
    return { type: 'object', scope: value.scope, entries: order.map((spread) => ({ spread })) }
  }

  /** The value at a path such as `build.outDir`. */
  at(path: string, from: Value = this.#root): Value {
    let value = from
    for (const key of path.split('.')) value = this.#evaluator.get(value, key)
    return value
  }

  /** The setting at a path, from the configuration or from a value in it. */
  setting(path: string, from?: Value): Setting {
    return settingOf(this.at(path, from))
  }

  /** A path of the file system, relative to the configuration's directory. */
  path(path: string, from?: Value): Setting {
    const setting = this.setting(path, from)
    if (setting.state !== 'known') return setting.state === 'given' ? { state: 'computed', variables: [] } : setting
    if (typeof setting.value !== 'string') return { state: 'computed', variables: [] }
    const { value } = setting
    if (value.startsWith(`${here.slice(0, 3)}/`) || value === here)
      return { state: 'known', value: posix.relative(here, value) || '.' }
    if (posix.isAbsolute(value)) return { state: 'computed', variables: [] }
    return { state: 'known', value: posix.normalize(value) }
  }

  /** The calls in a value: itself, or what a list holds, lists in lists too. Those that may not be made come as well. */
  calls(path: string, from?: Value): Call[] {
    const out: Call[] = []
    const visit = (value: Value, depth: number): void => {
      if (depth > 6) return
      if (value.type === 'either') for (const one of value.options) visit(one, depth)
      if (value.type === 'list')
        for (const item of value.items) visit(this.#evaluator.evaluate(item, value.scope), depth + 1)
      if (value.type === 'import') out.push({ from: value.from, name: value.key, argument: absent, args: [] })
      if (value.type !== 'call') return
      const args = value.args.map((one) => this.#evaluator.evaluate(one, value.scope))
      const { callee } = value
      if (callee.type === 'import') out.push({ from: callee.from, name: callee.key, argument: args[0] ?? absent, args })
    }
    visit(this.at(path, from), 0)
    return out
  }

  /** The items of a list. */
  items(path: string, from?: Value): Value[] {
    const value = this.at(path, from)
    return value.type === 'list' ? value.items.map((one) => this.#evaluator.evaluate(one, value.scope)) : []
  }

  /** The plugin by the module that it is taken from; by its usual name where nothing says where it comes from. */
  plugin(module: RegExp, name: RegExp = /^$/, path = 'plugins'): Call | undefined {
    return this.calls(path).find((one) => (one.from === '' ? name.test(one.name) : module.test(one.from)))
  }
}

export function settingOf(value: Value): Setting {
  if (isAbsent(value)) return { state: 'absent' }
  if (value.type === 'literal') return { state: 'known', value: value.value as string | number | boolean }
  return ['object', 'list', 'function'].includes(value.type)
    ? { state: 'given' }
    : { state: 'computed', variables: variablesOf(value) }
}
