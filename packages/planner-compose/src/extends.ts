import type { Loader, Scope } from './loader.js'
import { mergeServices, settled } from './merge.js'
import { limits } from './options.js'
import { directoryOf, inside } from './paths.js'
import { ComposeProblem, quoted } from './problem.js'
import { changed, child, childText, type Mapping, type Node } from './tree.js'

/** A file's services, as they are written. */
interface File {
  name: string
  services: Mapping
  scope: Scope
}

/**
 * A document whose services stand upon those that they extend, in the same file or in another, as often as these extend others.
 *
 * @throws ComposeProblem for a circle, and for a service or file that is not there.
 */
export async function extended(loader: Loader, document: Mapping, name: string, scope: Scope): Promise<Mapping> {
  const services = child(document, 'services')
  if (services?.kind !== 'map') return document
  const own: File = { name, services, scope }
  const others = new Map<string, Promise<File>>()
  const done = new Map<string, Node>()

  const open = (node: Node, file: string, from: Scope): Promise<File> => {
    const known = others.get(file)
    if (known !== undefined) return known
    const opened = read(loader, file, from, node)
    others.set(file, opened)
    return opened
  }

  const resolve = async (file: File, service: string, asked: Node, path: readonly string[]): Promise<Node> => {
    const written = file.services.entries.get(service)
    if (written === undefined)
      throw new ComposeProblem(`The service ${quoted(service)}, which is extended, is not in ${file.name}.`, asked.at)
    const link = child(written, 'extends')
    if (written.kind !== 'map' || link?.kind !== 'map' || link.tag === 'reset') return written
    const key = `${file.name} ${service}`
    const known = done.get(key)
    if (known !== undefined) return known
    if (path.includes(key) || path.length > limits.depth) {
      const round = [...path.slice(path.indexOf(key)), key].map((one) => quoted(one.split(' ').pop() ?? ''))
      throw new ComposeProblem(
        `Services extend each other in a circle: ${round.slice(0, 8).join(' extends ')}.`,
        link.at,
      )
    }
    const base = childText(link, 'service')
    if (base === undefined) throw new ComposeProblem(`services.${service}.extends names no service.`, link.at)
    const other = childText(link, 'file')
    const from = other === undefined ? file : await open(link, located(other, link), file.scope)
    const below = await resolve(from, base, link, [...path, key])
    const own = changed(written, { extends: undefined })
    const merged = below.kind === 'map' ? mergeServices(settled(below) as Mapping, own) : own
    loader.budget.spend('nodes', merged.size, link.at)
    done.set(key, merged)
    return merged
  }

  const entries = new Map(services.entries)
  for (const [service, node] of services.entries) {
    if (child(node, 'extends') === undefined) continue
    const merged = await resolve(own, service, node, [])
    entries.set(service, node.tag === undefined ? merged : { ...merged, tag: node.tag })
  }
  return changed(document, { services: { ...services, entries } })
}

function located(path: string, node: Node): string {
  const file = inside(path)
  if (file !== null) return file
  throw new ComposeProblem(`The file ${quoted(path)}, which is extended, lies outside the source.`, node.at)
}

async function read(loader: Loader, name: string, { variables, including }: Scope, asked: Node): Promise<File> {
  const scope = { directory: directoryOf(name), variables, including }
  const documents = await loader.documents(name, 'extends', scope, asked.at)
  const services = documents.map((document) => child(document, 'services')).findLast((node) => node?.kind === 'map')
  if (services?.kind === 'map') return { name, services, scope }
  throw new ComposeProblem('The file, which is extended, has no services.', { file: name })
}
