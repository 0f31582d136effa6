import { ComposeProblem, type Place, quoted } from './problem.js'
import { childText, type Mapping, mapping, type Node, text } from './tree.js'
import { isOpaque, shown } from './variables.js'

export interface Range {
  from: number
  to: number
}
/** A port of a service, or a range of them. */
export interface Port {
  /** In the container; null where a variable of the profile decides it. */
  target: Range | null
  /** On the machine, as it is written; absent where the engine chooses, and with `expose`. */
  published?: string
  protocol: string
  hostIp?: string
  /** `http`, `https`, `tcp`, …, where the file says so. */
  application?: string
  name?: string
}

/**
 * Writes a port of the short syntax, `[[host ip:][published]:]target[/protocol]`, as a mapping of the long one. Ranges stay ranges.
 *
 * @throws ComposeProblem for what is not a port.
 */
export function longPort(node: Node): Mapping {
  if (node.kind === 'map') return node
  const written = node.kind === 'scalar' ? node.text : ''
  const { at } = node
  const slash = written.lastIndexOf('/')
  const protocol = slash === -1 ? 'tcp' : written.slice(slash + 1).toLowerCase()
  const parts = splitHost(slash === -1 ? written : written.slice(0, slash))
  if (parts === null || !['tcp', 'udp', 'sctp'].includes(protocol) || isOpaque(protocol)) throw invalid(written, at)
  const { host, published, target } = parts
  const entries: [string, Node][] = [
    ['target', text(target, at)],
    ['protocol', text(protocol, at)],
  ]
  if (published !== '') entries.push(['published', text(published, at)])
  if (host !== '') entries.push(['host_ip', text(host, at)])
  return mapping(entries, at)
}

/** `[::1]:8080:80`, `127.0.0.1::80`, `8080:80`, `80`. */
function splitHost(written: string): { host: string; published: string; target: string } | null {
  const v6 = /^\[([0-9a-fA-F:.]+)\]:(.*)$/.exec(written)
  const parts = (v6?.[2] ?? written).split(':')
  if (v6 !== null) parts.unshift(v6[1]!)
  const target = parts.pop() ?? ''
  const published = parts.pop() ?? ''
  // More colons are an IPv6 address without brackets, as in `::1:80:80`.
  const host = v6 === null ? parts.join(':') : (parts[0] ?? '')
  if (v6 !== null && parts.length > 1) return null
  return { host, published, target }
}

const invalid = (written: string, at: Place) =>
  new ComposeProblem(
    `${quoted(shown(written))} is not a port: [HOST:]CONTAINER[/PROTOCOL] with numbers up to 65535.`,
    at,
  )

const rangeOf = (written: string): Range | null => {
  const [, from, to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(written) ?? []
  const range = { from: Number(from), to: Number(to ?? from) }
  return from !== undefined && range.from <= range.to && range.to <= 65_535 ? range : null
}
const lengthOf = ({ from, to }: Range): number => to - from + 1

/** How many ports of machine and container a range stands for. */
export const countOf = ({ target, published }: Port): number =>
  Math.max(target === null ? 1 : lengthOf(target), lengthOf(rangeOf(published ?? '') ?? { from: 0, to: 0 }))

/** Reads a port of the long syntax. @throws ComposeProblem where it is none. */
export function readPort(node: Node): Port {
  const { at } = node
  const target = childText(node, 'target')
  if (target === undefined) throw new ComposeProblem('A port has no target.', at)
  const range = isOpaque(target) ? null : rangeOf(target)
  if (!isOpaque(target) && (range === null || range.from === 0)) throw invalid(target, at)
  const published = childText(node, 'published') ?? ''
  if (published !== '' && !isOpaque(published)) {
    const host = rangeOf(published)
    if (host === null) throw invalid(published, at)
    // One container port may be published on the first free port of a range; several need as many.
    if (range !== null && lengthOf(range) > 1 && lengthOf(range) !== lengthOf(host))
      throw new ComposeProblem(`The ranges ${published} and ${target} differ in length.`, at)
  }
  const optional = (name: string, key: string) => {
    const value = childText(node, key)
    return value === undefined || value === '' ? {} : { [name]: value }
  }
  return {
    target: range,
    protocol: childText(node, 'protocol')?.toLowerCase() || 'tcp',
    ...(published === '' ? {} : { published }),
    ...optional('hostIp', 'host_ip'),
    ...optional('application', 'app_protocol'),
    ...optional('name', 'name'),
  }
}

/** Reads an entry of `expose`: `3000`, `3000-3005`, `53/udp`. @throws ComposeProblem where it is none. */
export function readExposed(node: Node): Port {
  const written = node.kind === 'scalar' ? node.text : ''
  const [port = '', protocol = 'tcp'] = written.split('/')
  if (isOpaque(port)) return { target: null, protocol }
  const target = rangeOf(port)
  if (target === null || target.from === 0) throw invalid(written, node.at)
  return { target, protocol: protocol.toLowerCase() }
}
