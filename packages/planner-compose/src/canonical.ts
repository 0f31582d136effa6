import { longMount } from './mounts.js'
import { fromRoot, isRemote } from './paths.js'
import { longPort } from './ports.js'
import type { Place } from './problem.js'
import {
  changed,
  child,
  eachEntry,
  eachItem,
  flag,
  isNothing,
  like,
  list,
  type Mapping,
  mapping,
  type Node,
  nothing,
  text,
  textOf,
} from './tree.js'

type Change = (node: Node) => Node

const whenText =
  (change: (written: string, at: Place) => Node): Change =>
  (node) => {
    const written = textOf(node)
    return written === undefined ? node : like(change(written, node.at), node)
  }
const toList: Change = whenText((written, at) => list([text(written, at)], at))

/** `KEY=value` in a list as a mapping; a key alone has no value. Values are texts. */
const toPairs: Change = (node) => {
  if (node.kind !== 'list')
    return eachEntry(
      node,
      whenText((written, at) => text(written, at)),
    )
  const entries = new Map<string, Node>()
  for (const item of node.items) {
    const written = textOf(item) ?? ''
    const cut = written.indexOf('=')
    entries.set(
      cut === -1 ? written : written.slice(0, cut),
      cut === -1 ? nothing(item.at) : text(written.slice(cut + 1), item.at),
    )
  }
  return like(mapping(entries, node.at), node)
}

/** A list of names as a mapping to what each means by default. */
const toNames =
  (value: (at: Place) => Node): Change =>
  (node) =>
    node.kind === 'list'
      ? like(
          mapping(
            node.items.map((item): [string, Node] => [textOf(item) ?? '', value(item.at)]),
            node.at,
          ),
          node,
        )
      : node

const dependency = (at: Place) => mapping([['condition', text('service_started', at)]], at)
const granted: Change = (node) =>
  eachItem(
    node,
    whenText((written, at) => mapping([['source', text(written, at)]], at)),
  )

const path = (directory: string) => whenText((written, at) => text(fromRoot(directory, written), at))
const context = (directory: string) =>
  whenText((written, at) => text(isRemote(written) ? written : fromRoot(directory, written), at))

/** The keys of a mapping that are there, each changed by its own rule. */
function apply(node: Node, changes: Record<string, Change>): Node {
  if (node.kind !== 'map') return node
  const there = Object.entries(changes).flatMap(([key, change]) => {
    const value = node.entries.get(key)
    return value === undefined || value.tag === 'reset' ? [] : [[key, change(value)] as const]
  })
  return there.length === 0 ? node : changed(node, Object.fromEntries(there))
}

const build =
  (directory: string): Change =>
  (node) => {
    const long = whenText((written, at) => mapping([['context', text(written, at)]], at))(node)
    return apply(long, {
      context: context(directory),
      additional_contexts: (contexts) => eachEntry(toPairs(contexts), context(directory)),
      args: toPairs,
      labels: toPairs,
      secrets: granted,
    })
  }

const mount =
  (directory: string): Change =>
  (node) => {
    const long = like(longMount(node), node)
    return textOf(child(long, 'type')) === 'bind' ? apply(long, { source: path(directory) }) : long
  }

const envFiles =
  (directory: string): Change =>
  (node) =>
    eachItem(toList(node), (item) =>
      apply(whenText((written, at) => mapping([['path', text(written, at)]], at))(item), { path: path(directory) }),
    )

const services: Record<string, (directory: string) => Change> = {
  build,
  annotations: () => toPairs,
  configs: () => granted,
  depends_on: () => toNames(dependency),
  dns: () => toList,
  dns_search: () => toList,
  env_file: envFiles,
  environment: () => toPairs,
  expose: () => (node) =>
    eachItem(
      node,
      whenText((written, at) => text(written, at)),
    ),
  extends: (directory) => (node) =>
    apply(whenText((written, at) => mapping([['service', text(written, at)]], at))(node), { file: path(directory) }),
  extra_hosts: () => (node) =>
    node.kind === 'map'
      ? like(
          list(
            [...node.entries].map(([host, ip]) => text(`${host}:${textOf(ip) ?? ''}`, ip.at)),
            node.at,
          ),
          node,
        )
      : node,
  label_file: (directory) => (node) => eachItem(toList(node), path(directory)),
  labels: () => toPairs,
  models: () => toNames(nothing),
  networks: () => toNames(nothing),
  ports: () => (node) => eachItem(node, (item) => like(longPort(item), item)),
  secrets: () => granted,
  sysctls: () => toPairs,
  tmpfs: () => toList,
  volumes: (directory) => (node) => eachItem(node, mount(directory)),
}

/**
 * Writes each short form as the long one, so that two files that write the same thing differently can be merged, and each path from the
 * source's root, so that it still means the same in another file.
 */
export function canonical(document: Mapping, directory: string): Mapping {
  const changes = Object.fromEntries(Object.entries(services).map(([key, change]) => [key, change(directory)]))
  const file: Change = (node) => eachEntry(node, (one) => apply(one, { file: path(directory) }))
  const named: Change = (node) => eachEntry(node, (one) => (isNothing(one) ? like(mapping([], one.at), one) : one))
  return apply(document, {
    services: (node) => eachEntry(node, (service) => apply(service, changes)),
    secrets: file,
    configs: file,
    volumes: named,
    networks: named,
  }) as Mapping
}

/** True is what is not said otherwise. */
export const required = (node: Node): Node =>
  node.kind === 'map' && !node.entries.has('required') ? changed(node, { required: flag(true, node.at) }) : node
