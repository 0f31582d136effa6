import type { Claim, Evidence, PlannerContext, Profiles } from '@appaloft/core/spec'
import { findGenerator, type Generator } from './generators.js'
import { readHosts } from './hosting/hosting.js'
import type { HostRules } from './hosting/rules.js'
import type { Settings } from './options.js'
import { isApplication, isPartOfOther } from './owners.js'
import { bounded, within } from './paths.js'

export const key = 'static'

/** What a tree holds for this planner. */
export interface Found {
  names: ReadonlySet<string>
  generator: Generator | null
  hosts: HostRules[]
  /** Directories with an index.html; the first is the one that is taken unless the profile names another. */
  sites: string[]
  /** A file that names a directory that is not there, and the command that writes it. */
  unbuilt: { file: string; publish: string; build: string } | null
}

export async function examine(context: PlannerContext, { publishDirectories }: Settings): Promise<Found> {
  const { tree } = context
  const names = new Set((await tree.list()).map(({ name }) => name))
  const hosts = await readHosts(tree)
  const named = hosts.flatMap(({ publish }) => (publish === undefined ? [] : [publish]))
  const sites: string[] = []
  // Where the root is a site, the other directories are parts of it; one that a host's file names comes before.
  const root = publishDirectories.includes('.') ? ['.'] : []
  for (const directory of new Set([...named, ...root, ...publishDirectories])) {
    if (await tree.has(within(directory, 'index.html'))) sites.push(directory)
  }
  const [first] = hosts.filter(({ publish, build }) => publish !== undefined && build !== undefined)
  const { file = '', publish = '.', build = '' } = first ?? {}
  const unbuilt = first === undefined || sites.includes(publish) ? null : { file, publish, build }
  return { names, generator: await findGenerator(context, names), hosts, sites, unbuilt }
}

/** What the sites prove. */
export const siteEvidence = (
  context: PlannerContext,
  sites: readonly string[],
  taken: string | undefined,
): Evidence[] =>
  sites.map((directory) => ({
    kind: 'file',
    file: within(context.baseDirectory, within(directory, 'index.html')),
    signal: 'index.html',
    value: { publishDirectory: directory, taken: directory === taken },
  }))

/** What files of other hosts name. */
export const hostEvidence = ({ baseDirectory }: PlannerContext, hosts: readonly HostRules[]): Evidence[] =>
  hosts.flatMap(({ file, publish, build }) => {
    const at = { kind: 'config', file: within(baseDirectory, file) }
    return [
      ...(publish === undefined ? [] : [{ ...at, signal: 'publish directory', value: bounded(publish) }]),
      ...(build === undefined ? [] : [{ ...at, signal: 'build command', value: bounded(build) }]),
    ]
  })

export const profileEvidence = ({ runtime }: Profiles): Evidence[] => [
  ...(runtime.planner === key ? [{ kind: 'profile', signal: 'runtime.planner', value: key }] : []),
  ...(runtime.publishDirectory === undefined
    ? []
    : [{ kind: 'profile', signal: 'runtime.publishDirectory', value: bounded(runtime.publishDirectory) }]),
]

const hasCommands = ({ runtime }: Profiles): boolean =>
  [runtime.installCommand, runtime.buildCommand, runtime.packageCommand, runtime.releaseCommand].some(
    (command) => command !== undefined,
  )

/** Whether the source is a static site. A tree with a package.json is somebody else's, unless the profile names this planner. */
export async function detect(context: PlannerContext, settings: Settings): Promise<Claim | null> {
  const { tree, source, profiles } = context
  const { runtime } = profiles
  const named = runtime.planner === key
  if (!named) {
    if (runtime.planner !== undefined || runtime.startCommand !== undefined) return null
    // A Dockerfile is asked for; that it contradicts a publish directory is for its planner to say.
    if (runtime.dockerfilePath !== undefined || runtime.buildTarget !== undefined) return null
    // The same of Compose files.
    if (runtime.composeFiles !== undefined) return null
    if (source.kind === 'docker-image' || source.kind === 'compose-file') return null
    if (await tree.has('package.json')) return null
  }
  const explicit = named || runtime.publishDirectory !== undefined
  const found = await examine(context, settings)
  const { generator, sites, hosts, unbuilt, names } = found
  const nothing = generator === null && sites.length === 0 && unbuilt === null
  if (!explicit && (nothing || (generator === null && isApplication(names)))) return null
  // Last: it looks at what lies above, and most folders are none of this planner's anyway.
  if (!explicit && (await isPartOfOther(context))) return null
  const taken = runtime.publishDirectory === undefined && generator === null ? sites[0] : undefined
  const told = generator !== null && !named
  return {
    basis: explicit ? 'explicit' : told ? 'framework' : 'generic',
    supportTier: hasCommands(profiles)
      ? 'explicit-custom'
      : generator !== null
        ? 'first-class'
        : sites.length === 0 && !explicit
          ? 'requires-override'
          : 'generic',
    reason: reasonOf(found, named, runtime.publishDirectory !== undefined),
    evidence: [
      ...profileEvidence(profiles),
      ...(generator?.evidence ?? []),
      ...hostEvidence(context, hosts),
      ...siteEvidence(context, sites, taken),
    ],
    artifactKind: 'static-site',
  }
}

function reasonOf({ generator, sites, unbuilt }: Found, named: boolean, published: boolean): string {
  if (named) return 'runtime.planner names this planner.'
  if (published) return 'runtime.publishDirectory names the files to serve.'
  if (generator !== null) return `The sources of a site that ${generator.name} writes.`
  const [site] = sites
  if (site !== undefined) return `${within(site, 'index.html')} exists and nothing says that it must be run.`
  return `${unbuilt?.file} names a folder of files to serve.`
}
