import { ComposeProblem, quoted } from './problem.js'
import { flag, type Mapping, mapping, type Node, text } from './tree.js'
import { shown } from './variables.js'

const isDrive = (part: string): boolean => /^[A-Za-z]$/.test(part)
const isPath = (source: string): boolean => /^(?:[./~]|\\\\|[A-Za-z]:)/.test(source)

/**
 * Writes a volume of the short syntax, `[source:]target[:options]`, as a mapping of the long one.
 *
 * @throws ComposeProblem where it is none.
 */
export function longMount(node: Node): Mapping {
  if (node.kind === 'map') return node
  const written = node.kind === 'scalar' ? node.text : ''
  const { at } = node
  const parts: string[] = []
  for (const part of written.split(':')) {
    // A single letter before a colon is a Windows drive.
    const last = parts.at(-1)
    if (last !== undefined && isDrive(last)) parts[parts.length - 1] = `${last}:${part}`
    else parts.push(part)
  }
  if (parts.length > 3 || parts.some((part) => part === ''))
    throw new ComposeProblem(`${quoted(shown(written))} is not a volume: [SOURCE:]TARGET[:OPTIONS].`, at)
  const [source, target, options = ''] =
    parts.length === 1 ? [undefined, parts[0]!] : (parts as [string, string, string?])
  const entries: [string, Node][] = [
    ['type', text(source !== undefined && isPath(source) ? 'bind' : 'volume', at)],
    ['target', text(target, at)],
  ]
  if (source !== undefined) entries.push(['source', text(source, at)])
  if (options.split(',').includes('ro')) entries.push(['read_only', flag(true, at)])
  return mapping(entries, at)
}
