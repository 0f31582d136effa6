import type { Claim, Evidence, PlannerContext, Profiles } from '@appaloft/core/spec'
import type { Settings } from './options.js'

export const key = 'static'

/** Manifests of languages with servers: a tree with one is an application, whose pages are only a part of it. */
const manifests = [
  ...['requirements.txt', 'pyproject.toml', 'Pipfile', 'manage.py', 'Gemfile', 'composer.json', 'index.php', 'go.mod'],
  ...['Cargo.toml', 'pom.xml', 'build.gradle', 'build.gradle.kts', 'mix.exs', 'deno.json', 'deno.jsonc', 'Procfile'],
]

/** A path of the base directory inside a directory of it. */
export const within = (directory: string, path: string): string => (directory === '.' ? path : `${directory}/${path}`)

/** A text for evidence: bounded. */
export const bounded = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

/** Directories with an index.html, best first. */
export async function findSites({ tree }: PlannerContext, { publishDirectories }: Settings): Promise<string[]> {
  const found: string[] = []
  for (const directory of publishDirectories) {
    if (await tree.has(within(directory, 'index.html'))) found.push(directory)
  }
  // Where the root is a site, the other directories are parts of it.
  return found.includes('.') ? ['.', ...found.filter((directory) => directory !== '.')] : found
}

/** What the sites prove; the first is the one that is taken unless the profile names another. */
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

async function isApplication({ tree }: PlannerContext): Promise<boolean> {
  for (const file of manifests) if (await tree.has(file)) return true
  return false
}

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
  const sites = await findSites(context, settings)
  const explicit = named || runtime.publishDirectory !== undefined
  if (!explicit && (sites.length === 0 || (await isApplication(context)))) return null
  const taken = runtime.publishDirectory === undefined ? sites[0] : undefined
  return {
    basis: explicit ? 'explicit' : 'generic',
    supportTier: hasCommands(profiles) ? 'explicit-custom' : 'generic',
    reason: named
      ? 'runtime.planner names this planner.'
      : runtime.publishDirectory !== undefined
        ? 'runtime.publishDirectory names the files to serve.'
        : `${within(sites[0] ?? '.', 'index.html')} exists and nothing says that it must be run.`,
    evidence: [...profileEvidence(profiles), ...siteEvidence(context, sites, taken)],
    artifactKind: 'static-site',
  }
}
