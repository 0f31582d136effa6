import { ComposeProblem } from './problem.js'
import { childText, like, list, type Mapping, mapping, type Node, sameNode, textOf } from './tree.js'

type Rule = (base: Node, over: Node, where: string, keep?: boolean) => Node

const replace: Rule = (_base, over) => over

/** Options of a logging driver are of no use to another one. */
const logging: Rule = (base, over, where, keep) => {
  const [one, other] = [childText(base, 'driver'), childText(over, 'driver')]
  return one === undefined || other === undefined || one === other ? mergeMappings(base, over, where, keep) : over
}
const ulimit: Rule = (base, over, where, keep) =>
  base.kind === 'map' && over.kind === 'map' ? mergeMappings(base, over, where, keep) : over

/** Lists whose entries are one and the same where this text is equal: the later one stands in the place of the earlier. */
const keyed =
  (key: (item: Node) => string): Rule =>
  (base, over, where) => {
    if (base.kind !== 'list' || over.kind !== 'list') return plain(base, over, where)
    const places = new Map<string, number>()
    const items: Node[] = []
    for (const item of [...base.items, ...over.items]) {
      const name = key(item)
      const place = places.get(name)
      if (place !== undefined) items[place] = item
      else places.set(name, items.push(item) - 1)
    }
    return list(items, over.at)
  }

const granted = (directory: string) =>
  keyed((item) => childText(item, 'target') ?? `${directory}/${childText(item, 'source') ?? ''}`)

const rules: Record<string, Rule> = {
  command: replace,
  entrypoint: replace,
  'healthcheck.test': replace,
  logging,
  'ulimits.*': ulimit,
  ports: keyed((item) =>
    ['host_ip', 'published', 'target', 'protocol'].map((key) => childText(item, key) ?? '').join(' '),
  ),
  volumes: keyed((item) => childText(item, 'target') ?? ''),
  expose: keyed((item) => textOf(item) ?? ''),
  env_file: keyed((item) => childText(item, 'path') ?? ''),
  secrets: granted('/run/secrets'),
  configs: granted(''),
}
/** Lists of texts in which nothing stands twice. */
for (const key of [
  'cap_add',
  'cap_drop',
  'security_opt',
  'profiles',
  'links',
  'external_links',
  'volumes_from',
  'extra_hosts',
])
  rules[key] = keyed((item) => textOf(item) ?? '')

const ruleFor = (where: string): Rule | undefined => {
  const inService = /^services\.[^ ]+? (.+)$/.exec(where)?.[1]
  if (inService === undefined) return undefined
  return (
    (Object.hasOwn(rules, inService) ? rules[inService] : undefined) ??
    (/^ulimits\.[^.]+$/.test(inService) ? rules['ulimits.*'] : undefined)
  )
}

function plain(base: Node, over: Node, where: string, keep?: boolean): Node {
  if (over.kind === 'scalar' && over.value === null && base.kind !== 'scalar') return base
  if (base.kind === 'map') {
    if (over.kind !== 'map') throw cannot(where, over)
    return mergeMappings(base, over, where, keep)
  }
  if (base.kind === 'list') {
    if (over.kind !== 'list') throw cannot(where, over)
    return list([...base.items, ...over.items], over.at)
  }
  return over
}

const cannot = (where: string, over: Node) =>
  new ComposeProblem(`${where.replace(' ', '.')} is of another kind than in the file that it overrides.`, over.at)

/** With `keep` the tags stay, for the file that this one overrides. */
function mergeMappings(base: Node, over: Node, where: string, keep = false): Node {
  if (base.kind !== 'map' || over.kind !== 'map') return plain(base, over, where, keep)
  const entries = new Map(base.entries)
  for (const [key, value] of over.entries) {
    const there = entries.get(key)
    if (value.tag === 'reset' && !keep) entries.delete(key)
    else if (there === undefined || key.startsWith('x-') || value.tag !== undefined)
      entries.set(key, keep ? value : settled(value))
    else entries.set(key, mergeNodes(there, value, next(where, key), keep))
  }
  return mapping(entries, over.at)
}

// `services.web ports`: the names of services may hold dots.
const next = (where: string, key: string): string =>
  where === '' ? key : where === 'services' ? `services.${key} ` : `${where}${where.endsWith(' ') ? '' : '.'}${key}`

function mergeNodes(base: Node, over: Node, where: string, keep: boolean): Node {
  if (over.tag === 'override') return settled(over)
  return (ruleFor(where) ?? plain)(base, over, where, keep)
}

const tagged = new WeakMap<Node, boolean>()
function hasTags(node: Node): boolean {
  const known = tagged.get(node)
  if (known !== undefined) return known
  const children = node.kind === 'map' ? [...node.entries.values()] : node.kind === 'list' ? node.items : []
  const has = node.tag !== undefined || children.some(hasTags)
  tagged.set(node, has)
  return has
}

/** A node without tags: what `!reset` takes away is gone, and `!override` has done its work. */
export function settled(node: Node): Node {
  if (!hasTags(node)) return node
  const { tag: _done, ...rest } = node
  if (rest.kind === 'map') {
    const kept = [...rest.entries].filter(([, value]) => value.tag !== 'reset')
    return mapping(
      kept.map(([key, value]): [string, Node] => [key, settled(value)]),
      rest.at,
    )
  }
  if (rest.kind === 'list') return list(rest.items.filter((item) => item.tag !== 'reset').map(settled), rest.at)
  return rest
}

/** A document upon an earlier one, by the rules of the specification. Both in the canonical form. */
export const mergeDocuments = (base: Mapping, over: Mapping): Mapping => mergeNodes(base, over, '', false) as Mapping

/** A service upon the one that it extends. Its tags also mean the files before. */
export const mergeServices = (base: Mapping, over: Mapping): Mapping =>
  mergeMappings(base, over, 'services.x ', true) as Mapping

/**
 * Adds what an included project defines.
 *
 * @throws ComposeProblem where both define the same thing differently: an include is not an override.
 */
export function addIncluded(own: Mapping, included: Mapping): Mapping {
  const entries = new Map(own.entries)
  for (const section of ['services', 'volumes', 'networks', 'secrets', 'configs', 'models']) {
    const [there, more] = [entries.get(section), included.entries.get(section)]
    if (more?.kind !== 'map') continue
    const merged = new Map(there?.kind === 'map' ? there.entries : [])
    for (const [name, value] of more.entries) {
      const known = merged.get(name)
      if (known !== undefined && !sameNode(known, value))
        throw new ComposeProblem(
          `${section}.${name} is also defined, differently, by a file that is included.`,
          known.at,
        )
      merged.set(name, value)
    }
    entries.set(section, like(mapping(merged, there?.at ?? more.at), there ?? more))
  }
  return mapping(entries, own.at)
}
