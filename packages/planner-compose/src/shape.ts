import { ComposeProblem, quoted } from './problem.js'
import type { Node } from './tree.js'

/** What may stand at a place of a Compose file: any of the kinds that are named. */
export interface Shape {
  text?: boolean
  number?: boolean
  flag?: boolean
  nothing?: boolean
  /** A list of these. */
  list?: Shape
  /** A mapping with these keys; keys that begin with `x-` are always allowed. */
  fields?: Record<string, Shape>
  /** A mapping with any keys, each of this shape. */
  each?: Shape
  /** Anything at all. */
  any?: boolean
  /** The only texts that may stand here. */
  only?: readonly string[]
  /** What keys must look like. */
  keys?: RegExp
}

export const text: Shape = { text: true }
export const only = (...texts: string[]): Shape => ({ text: true, only: texts })
export const nothing: Shape = { nothing: true }
export const anything: Shape = { any: true }
export const number: Shape = { text: true, number: true }
export const flag: Shape = { text: true, flag: true }
export const listOf = (list: Shape): Shape => ({ list })
export const fields = (known: Record<string, Shape>): Shape => ({ fields: known })
export const each = (one: Shape, keys?: RegExp): Shape => ({ each: one, ...(keys === undefined ? {} : { keys }) })
export const either = (...shapes: Shape[]): Shape => Object.assign({}, ...shapes)

export const texts = listOf(text)
/** A list of `KEY=value` or a mapping. */
export const pairs = either(texts, each({ text: true, number: true, flag: true, nothing: true }))
export const oneOrMore = either(text, texts)

/**
 * Compares a node with what may stand there.
 *
 * @throws ComposeProblem that names the place for the first difference.
 */
export function check(node: Node, shape: Shape, where: string): void {
  if (shape.any || node.tag === 'reset') return
  const refuse = (why: string) => new ComposeProblem(`${where === '' ? 'The file' : where} ${why}.`, node.at)
  const next = (key: string) => (where === '' ? key : `${where}.${key}`)
  if (node.kind === 'list') {
    if (shape.list === undefined) throw refuse(`must be ${kindsOf(shape)}, not a list`)
    for (const [i, item] of node.items.entries()) check(item, shape.list, next(String(i)))
    return
  }
  if (node.kind === 'map') {
    const { fields: known, each: one, keys } = shape
    if (known === undefined && one === undefined) throw refuse(`must be ${kindsOf(shape)}, not a mapping`)
    for (const [key, value] of node.entries) {
      if (known !== undefined && key.startsWith('x-')) continue
      const inner = (known !== undefined && Object.hasOwn(known, key) ? known[key] : undefined) ?? one
      if (inner === undefined || (keys !== undefined && !keys.test(key))) {
        const what = keys === undefined ? `has no key ${quoted(key)}` : `has a name that is not allowed: ${quoted(key)}`
        throw new ComposeProblem(`${where === '' ? 'A Compose file' : where} ${what}.${hint(where, key)}`, value.at)
      }
      check(value, inner, next(key))
    }
    return
  }
  const { value } = node
  const kind =
    value === null ? 'nothing' : typeof value === 'string' ? 'text' : typeof value === 'number' ? 'number' : 'flag'
  if (!shape[kind])
    throw refuse(`must be ${kindsOf(shape)}${value === null ? ', and is empty' : `, not a ${names[kind]}`}`)
  if (shape.only !== undefined && typeof value === 'string' && !shape.only.includes(value))
    throw refuse(`must be one of ${shape.only.join(', ')}`)
}

const names = { nothing: 'null', text: 'text', number: 'number', flag: 'boolean' }

const kindsOf = (shape: Shape): string => {
  const kinds = [
    shape.text && 'a text',
    shape.number && 'a number',
    shape.flag && 'a boolean',
    shape.list && 'a list',
    (shape.fields || shape.each) && 'a mapping',
  ].filter((kind) => typeof kind === 'string')
  return kinds.length < 2 ? (kinds[0] ?? 'empty') : `${kinds.slice(0, -1).join(', ')} or ${kinds.at(-1)}`
}

// Files of the first format (2014) name their services at the top.
const hint = (where: string, key: string): string =>
  where === '' ? ` Is ${quoted(key)} a service? Then it belongs below \`services\`.` : ''
