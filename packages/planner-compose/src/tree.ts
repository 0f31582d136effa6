import type { Place } from './problem.js'

interface Common {
  /** Where it, or the key before it, stands. */
  at: Place
  /** How many nodes it is, with what aliases stand for. */
  size: number
  /** `!reset` takes what an earlier file says away, `!override` puts this in its place instead of merging. */
  tag?: 'reset' | 'override'
}
export interface Scalar extends Common {
  kind: 'scalar'
  value: string | number | boolean | null
  /** As it is written: `0644`, `22:22`. */
  text: string
}
export interface List extends Common {
  kind: 'list'
  items: readonly Node[]
}
export interface Mapping extends Common {
  kind: 'map'
  entries: ReadonlyMap<string, Node>
}
/** A part of a Compose file. Never changed once it is made: aliases and services that are extended share it. */
export type Node = Scalar | List | Mapping

export const text = (value: string, at: Place): Scalar => ({ kind: 'scalar', value, text: value, at, size: 1 })
export const flag = (value: boolean, at: Place): Scalar => ({
  kind: 'scalar',
  value,
  text: String(value),
  at,
  size: 1,
})
export const nothing = (at: Place): Scalar => ({ kind: 'scalar', value: null, text: '', at, size: 1 })
export const list = (items: readonly Node[], at: Place): List => ({ kind: 'list', items, at, size: sum(items) })
export const mapping = (entries: ReadonlyMap<string, Node> | Iterable<[string, Node]>, at: Place): Mapping => {
  const map = entries instanceof Map ? entries : new Map(entries)
  return { kind: 'map', entries: map, at, size: sum([...map.values()]) }
}

const sum = (nodes: readonly Node[]): number => nodes.reduce((total, node) => total + node.size, 1)

/** The same content with the tag and the place of another node. */
export const like = <T extends Node>(node: T, { at, tag }: Node): T => ({
  ...node,
  at,
  ...(tag === undefined ? {} : { tag }),
})

export const child = (node: Node | undefined, key: string): Node | undefined =>
  node?.kind === 'map' ? node.entries.get(key) : undefined
export const entriesOf = (node: Node | undefined): [string, Node][] => (node?.kind === 'map' ? [...node.entries] : [])
export const itemsOf = (node: Node | undefined): readonly Node[] => (node?.kind === 'list' ? node.items : [])
export const isNothing = (node: Node | undefined): boolean =>
  node === undefined || (node.kind === 'scalar' && node.value === null)
/** The text of a scalar; undefined for everything else, null included. */
export const textOf = (node: Node | undefined): string | undefined =>
  node?.kind === 'scalar' && node.value !== null ? node.text : undefined
export const childText = (node: Node | undefined, key: string): string | undefined => textOf(child(node, key))
/** True also for the text `true`, as a variable gives it. */
export const isTrue = (node: Node | undefined): boolean =>
  ['true', 'yes', 'on', 'y', '1'].includes(textOf(node)?.toLowerCase() ?? '')

/** A mapping with some entries changed; undefined takes one away. */
export function changed(node: Mapping, changes: Record<string, Node | undefined>): Mapping {
  const entries = new Map(node.entries)
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) entries.delete(key)
    else entries.set(key, value)
  }
  return like(mapping(entries, node.at), node)
}

/** Each value of a mapping, changed; other nodes as they are. */
export const eachEntry = (node: Node, change: (value: Node, key: string) => Node): Node =>
  node.kind === 'map'
    ? like(
        mapping(
          [...node.entries].map(([key, value]): [string, Node] => [key, change(value, key)]),
          node.at,
        ),
        node,
      )
    : node

export const eachItem = (node: Node, change: (item: Node) => Node): Node =>
  node.kind === 'list' ? like(list(node.items.map(change), node.at), node) : node

/** Equal content, wherever it stands. */
export function sameNode(one: Node, other: Node): boolean {
  if (one === other) return true
  if (one.size !== other.size) return false
  if (one.kind === 'scalar') return other.kind === 'scalar' && one.value === other.value && one.text === other.text
  if (one.kind === 'list')
    return (
      other.kind === 'list' &&
      one.items.length === other.items.length &&
      one.items.every((item, i) => sameNode(item, other.items[i]!))
    )
  if (other.kind !== 'map' || one.entries.size !== other.entries.size) return false
  return [...one.entries].every(([key, value]) => {
    const there = other.entries.get(key)
    return there !== undefined && sameNode(value, there)
  })
}
