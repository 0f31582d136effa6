import type { Claim, Evidence, PlannerContext } from '@appaloft/core/spec'
import { profileFacts } from './facts.js'
import { type Located, locate } from './find.js'
import { readAt } from './reading.js'

export const key = 'dockerfile'

/** Claims a folder with a Dockerfile, and every source whose profile asks for one. */
export async function detect(context: PlannerContext): Promise<Claim | null> {
  const { source, profiles } = context
  const { planner, composeFiles, installCommand, buildCommand, packageCommand } = profiles.runtime
  if (planner !== undefined && planner !== key) return null
  if (source.kind === 'docker-image' || (source.kind === 'compose-file' && planner === undefined)) return null
  // That they contradict a Dockerfile is for the planner of Compose files to say.
  if (composeFiles !== undefined && planner === undefined) return null
  const located = await locate(context)
  if (!located.explicit) {
    if (located.file === null) return null
    // A profile that says how to build it asks for the planner of its language, where there is one.
    const commands = [installCommand, buildCommand, packageCommand].some((command) => command !== undefined)
    if (commands && (await context.tree.has('package.json'))) return null
  }
  return {
    basis: located.explicit ? 'explicit' : 'dockerfile',
    supportTier: (await isElsewhere(context, located)) ? 'requires-override' : 'container-native',
    reason: reasonFor(context, located),
    evidence: evidenceOf(context, located),
    artifactKind: 'dockerfile',
  }
}

/** Files that tell an application from a folder that only holds the Dockerfile of the one above. */
const manifests = [
  ...[
    'package.json',
    'go.mod',
    'requirements.txt',
    'pyproject.toml',
    'Pipfile',
    'Cargo.toml',
    'Gemfile',
    'composer.json',
  ],
  ...['pom.xml', 'build.gradle', 'build.gradle.kts', 'mix.exs', 'deno.json', 'deno.jsonc', 'index.html'],
]

/** Such a folder is what is left where nothing else can be deployed, not an application of its own. */
async function isElsewhere(context: PlannerContext, { file, explicit }: Located): Promise<boolean> {
  const { tree, source, baseDirectory } = context
  if (explicit || file === null || baseDirectory === '.' || source.baseDirectory !== undefined) return false
  for (const manifest of manifests) if (await tree.has(manifest)) return false
  return (await readAt(context, file)).context.moved
}

function reasonFor({ profiles: { runtime } }: PlannerContext, { file, explicit }: Located): string {
  if (!explicit) return `There is a ${nameOf(file ?? '')}: its author says how it is built and started.`
  if (runtime.dockerfilePath !== undefined) return 'runtime.dockerfilePath names the Dockerfile.'
  return runtime.planner === key
    ? 'runtime.planner names this planner.'
    : 'runtime.buildTarget names a stage of a Dockerfile.'
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** The file that is taken, and those that are not. */
export const evidenceOf = (context: PlannerContext, { file, others }: Located): Evidence[] => [
  ...profileFacts(context),
  ...(file === null ? [] : [{ kind: 'file', file, signal: 'Dockerfile', value: { taken: true } }]),
  ...others.slice(0, 10).map((other) => ({ kind: 'file', file: other, signal: 'Dockerfile', value: { taken: false } })),
]
