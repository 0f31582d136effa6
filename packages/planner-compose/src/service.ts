import { isRemote } from './paths.js'
import { type Port, readExposed, readPort } from './ports.js'
import { ComposeProblem, type Place } from './problem.js'
import { child, childText, entriesOf, isNothing, isTrue, itemsOf, type Node, textOf } from './tree.js'
import { isOpaque } from './variables.js'

export interface Build {
  at: Place
  /** From the source's root, or a URL. */
  context: string
  remote: boolean
  /** Relative to the context; absent where it is written into the Compose file. */
  dockerfile?: string
  target?: string
}
export interface Mount {
  at: Place
  type: string
  /** The name of a volume, or a path from the source's root; absent for an anonymous volume and for `tmpfs`. */
  source?: string
  target: string
  readOnly: boolean
}
export interface Dependency {
  at: Place
  service: string
  condition: string
  required: boolean
}
export interface EnvFile {
  at: Place
  path: string
  required: boolean
}
export interface Reference {
  at: Place
  name: string
}

/** A service of the merged project, as far as it decides what is planned. */
export interface Service {
  name: string
  at: Place
  image?: string
  build?: Build
  ports: Port[]
  expose: Port[]
  mounts: Mount[]
  dependsOn: Dependency[]
  envFiles: EnvFile[]
  profiles: string[]
  networks: Reference[]
  networkMode?: string
  secrets: Reference[]
  configs: Reference[]
  containerName?: string
  /** Containers that it wants; null where a variable of the profile decides. */
  replicas: number | null
  /** The program of its health check, `disabled`, or absent. */
  healthcheck?: string
  command?: readonly string[]
  node: Node
}

const textsOf = (node: Node | undefined): string[] => itemsOf(node).flatMap((item) => textOf(item) ?? [])
const optional = <K extends string>(key: K, value: string | undefined): { [P in K]?: string } =>
  value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]?: string })

/** Reads a service in the canonical form. @throws ComposeProblem for ports and mounts that are none. */
export function readService(name: string, node: Node): Service {
  const { at } = node
  if (node.kind !== 'map') throw new ComposeProblem(`services.${name} must be a mapping.`, at)
  const get = (key: string) => node.entries.get(key)
  const build = get('build')
  return {
    name,
    at,
    ...optional('image', textOf(get('image'))),
    ...(build?.kind === 'map' ? { build: readBuild(build) } : {}),
    ports: itemsOf(get('ports')).map(readPort),
    expose: itemsOf(get('expose')).map(readExposed),
    mounts: [...itemsOf(get('volumes')).map(readMount), ...temporary(get('tmpfs'))],
    dependsOn: [...written(get('depends_on')), ...implied(node)],
    envFiles: itemsOf(get('env_file')).map((item) => ({
      at: item.at,
      path: childText(item, 'path') ?? '',
      required: child(item, 'required') === undefined || isTrue(child(item, 'required')),
    })),
    profiles: textsOf(get('profiles')),
    networks: entriesOf(get('networks')).map(([network, value]) => ({ name: network, at: value.at })),
    ...optional('networkMode', textOf(get('network_mode'))),
    secrets: references(get('secrets')),
    configs: references(get('configs')),
    ...optional('containerName', textOf(get('container_name'))),
    replicas: readReplicas(name, node),
    ...optional('healthcheck', readHealthcheck(get('healthcheck'))),
    ...readCommand(get('entrypoint'), get('command')),
    node,
  }
}

function readBuild(node: Node): Build {
  const context = childText(node, 'context') ?? '.'
  const inline = child(node, 'dockerfile_inline') !== undefined
  return {
    at: node.at,
    context,
    remote: isRemote(context),
    ...(inline ? {} : { dockerfile: childText(node, 'dockerfile') || 'Dockerfile' }),
    ...optional('target', childText(node, 'target')),
  }
}

function readMount(node: Node): Mount {
  const target = childText(node, 'target')
  const type = childText(node, 'type')
  if (target === undefined) throw new ComposeProblem('A volume of a service has no target.', node.at)
  if (type === undefined) throw new ComposeProblem('A volume of a service has no type.', node.at)
  return {
    at: node.at,
    type,
    target,
    readOnly: isTrue(child(node, 'read_only')),
    ...optional('source', childText(node, 'source')),
  }
}

const temporary = (node: Node | undefined): Mount[] =>
  itemsOf(node).map((item) => ({
    at: item.at,
    type: 'tmpfs',
    target: (textOf(item) ?? '').split(':')[0] ?? '',
    readOnly: false,
  }))

const written = (node: Node | undefined): Dependency[] =>
  entriesOf(node).map(([service, value]) => ({
    at: value.at,
    service,
    condition: childText(value, 'condition') ?? 'service_started',
    required: child(value, 'required') === undefined || isTrue(child(value, 'required')),
  }))

/** Links, namespaces and volumes of another service also need it. */
function implied(node: Node): Dependency[] {
  const names: [string, Place][] = []
  for (const link of itemsOf(child(node, 'links'))) names.push([(textOf(link) ?? '').split(':')[0] ?? '', link.at])
  for (const key of ['network_mode', 'ipc', 'pid', 'uts']) {
    const value = child(node, key)
    const text = textOf(value)
    if (value !== undefined && text?.startsWith('service:')) names.push([text.slice('service:'.length), value.at])
  }
  for (const other of itemsOf(child(node, 'volumes_from'))) {
    const text = textOf(other) ?? ''
    if (!text.startsWith('container:')) names.push([text.split(':')[0] ?? '', other.at])
  }
  return names.map(([service, at]) => ({ at, service, condition: 'service_started', required: true }))
}

const references = (node: Node | undefined): Reference[] =>
  itemsOf(node).map((item) => ({ name: childText(item, 'source') ?? '', at: item.at }))

function readReplicas(name: string, node: Node): number | null {
  const [replicas, scale] = [child(child(node, 'deploy'), 'replicas'), child(node, 'scale')]
  const [one, other] = [textOf(replicas), textOf(scale)]
  if (one !== undefined && other !== undefined && one !== other)
    throw new ComposeProblem(`services.${name} says one number in scale and another in deploy.replicas.`, scale!.at)
  const text = one ?? other ?? '1'
  if (isOpaque(text)) return null
  if (!/^\d{1,6}$/.test(text))
    throw new ComposeProblem(`services.${name}.deploy.replicas is not a number.`, (replicas ?? scale)!.at)
  return Number(text)
}

/** The program that checks, without its arguments: a password may be among them. */
function readHealthcheck(node: Node | undefined): string | undefined {
  if (node === undefined || isNothing(node)) return undefined
  if (isTrue(child(node, 'disable'))) return 'disabled'
  const test = child(node, 'test')
  const [first = '', second = ''] = textsOf(test)
  if (first === 'NONE') return 'disabled'
  const line = textOf(test) ?? (/^CMD(?:-SHELL)?$/.test(first) ? second : first)
  return line.trim().split(/\s+/)[0]
}

/** What runs, as far as the Compose file says it: the words of the entrypoint, then those of the command. */
function readCommand(entrypoint: Node | undefined, command: Node | undefined): { command?: string[] } {
  const words = [entrypoint, command].flatMap((node) => {
    const line = textOf(node)
    return line === undefined ? textsOf(node) : wordsOf(line)
  })
  return words.length === 0 ? {} : { command: words }
}

/** The words of a line as a shell would part it, as far as quotes go. */
export const wordsOf = (line: string): string[] =>
  [...line.slice(0, 4096).matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"']+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )
