import { posix } from 'node:path'
import semver from 'semver'
import { isRange } from '../sources/lines.js'
import type { Manifest } from '../sources/manifest.js'
import type { Member } from './workspace.js'

export interface Graph {
  /** Those that the base package needs and that have a build script, each after what it needs itself. Without the base package. */
  order: Member[]
  /** All that the base package needs, by directory. */
  needed: Member[]
  /** Names in a circle of packages that have a build script. */
  circle?: string[]
  /** Is a package with a build script reached by its version, without a protocol that says that it is here? */
  byVersion: boolean
  /** A dependency that is of the workspace and is not there. */
  absent?: { name: string; spec: string; of: Member }
}

const builds = (member: Member): boolean => (member.manifest.scripts.build ?? '').trim() !== ''

/** The package of the workspace that a dependency comes to; null where a registry has it. */
function resolve(of: Member, name: string, spec: string, members: readonly Member[]): Member | null | 'absent' {
  if (spec.length > 200) return null
  const path = /^(?:workspace|file|link|portal):(\.{1,2}(?:\/.*)?|[^@*^~]*\/.*)$/.exec(spec)?.[1]
  if (path !== undefined && !path.startsWith('@')) {
    const directory = posix.normalize(posix.join(of.directory, path)).replace(/(.)\/$/, '$1')
    return members.find((one) => one.directory === directory) ?? null
  }
  const alias = /^workspace:((?:@[^/@]+\/)?[^@/*^~]+)@/.exec(spec)?.[1]
  const wanted = alias ?? name
  const named = members.filter((one) => one.manifest.name === wanted && one.directory !== of.directory)
  if (spec.startsWith('workspace:')) return named[0] ?? 'absent'
  const [first] = named
  if (first === undefined || !(spec === '' || spec === 'latest' || isRange(spec))) return null
  const { version } = first.manifest
  if (version === undefined || spec === '' || spec === '*' || semver.valid(version) === null) return first
  return semver.satisfies(version, spec, { includePrerelease: true }) ? first : null
}

/** What the base package needs of its workspace, in the order in which it has to be built. */
export function graphOf(base: Member, members: readonly Member[]): Graph {
  const graph: Graph = { order: [], needed: [], byVersion: false }
  const state = new Map<string, 'open' | 'done'>()
  const path: Member[] = []
  const edges = (member: Member): [name: string, spec: string][] => {
    const { dependencies, devDependencies }: Manifest = member.manifest
    // What a package that is not built needs only while it is developed is not needed here.
    const dev = member === base || builds(member) ? Object.entries(devDependencies) : []
    const all: [string, string][] = [...Object.entries(dependencies), ...dev]
    return all.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
  }
  const visit = (member: Member): void => {
    state.set(member.directory, 'open')
    path.push(member)
    for (const [name, spec] of edges(member)) {
      const next = resolve(member, name, spec, members)
      if (next === 'absent') graph.absent ??= { name, spec, of: member }
      if (next === null || next === 'absent' || next.directory === member.directory) continue
      if (builds(next) && !/^(?:workspace|file|link|portal):/.test(spec)) graph.byVersion = true
      const seen = state.get(next.directory)
      if (seen === undefined) visit(next)
      else if (seen === 'open') {
        const circle = path.slice(path.findIndex((one) => one.directory === next.directory)).filter(builds)
        if (circle.length > 1) graph.circle ??= [...circle, circle[0]!].map((one) => one.manifest.name ?? one.directory)
      }
    }
    path.pop()
    state.set(member.directory, 'done')
    if (member === base) return
    graph.needed.push(member)
    if (builds(member)) graph.order.push(member)
  }
  visit(base)
  return graph
}
