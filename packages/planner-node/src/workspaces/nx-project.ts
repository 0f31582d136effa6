import { posix } from 'node:path'
import type { Evidence, PlannerContext } from '@appaloft/core/spec'
import { looseJson } from '../sources/loose.js'
import { isObject, type Json, type Manifest, type ManifestResult, readManifest, strings } from '../sources/manifest.js'
import { normal, readSettings, upwards } from './workspace.js'

export type Read = ManifestResult & {
  /** Where the dependencies are from, where they are not from the package itself. */
  shared?: string
  /** What stands in place of a package.json. */
  instead?: string
}

/**
 * The package.json of the base directory. An application of an Nx workspace may have none, or one without dependencies: those are in
 * the package.json of the workspace's root. Null where there is neither.
 */
export async function manifestAt(context: PlannerContext): Promise<Read | null> {
  const read = await readManifest(context.tree)
  if (read !== null && 'broken' in read) return read
  const own = read?.manifest ?? null
  const project = await projectOf(context, own)
  const above = project === null ? null : await nxRoot(context)
  if (project === null || above === null) return read
  const { manifest: root, file } = above
  const name = own?.name ?? (typeof project.name === 'string' ? project.name : undefined)
  const manifest: Manifest = {
    ...(own ?? { scripts: {}, engines: {}, json: {}, workspaces: false, peerDependencies: {} }),
    dependencies: strings(root.dependencies, own?.dependencies),
    devDependencies: strings(root.devDependencies, own?.devDependencies),
  }
  return {
    manifest: { ...manifest, ...(name === undefined ? {} : { name }) },
    shared: file,
    ...(own === null ? { instead: 'project.json' } : {}),
  }
}

/** The settings of the project, where they say that it is an application; tests of one are none. */
async function projectOf(context: PlannerContext, own: Pick<Manifest, 'json'> | null): Promise<Json | null> {
  if (normal(context.baseDirectory) === '.') return null
  const text = await context.tree.readText('project.json')
  const file = text === null ? undefined : looseJson(text)
  const settings = isObject(file) ? file : isObject(own?.json.nx) ? own.json.nx : null
  if (settings === null || settings.projectType !== 'application') return null
  return /e2e/.test(posix.basename(normal(context.baseDirectory))) ? null : settings
}

/** The nearest directory above with an nx.json and a package.json. */
export async function nxRoot(
  context: PlannerContext,
): Promise<{ directory: string; file: string; manifest: Manifest } | null> {
  for (const directory of upwards(context.baseDirectory).slice(1)) {
    if ((await readSettings(context.root, posix.join(directory, 'nx.json'))) === null) continue
    const file = posix.join(directory, 'package.json')
    const read = await readManifest(context.root, file)
    if (read !== null && 'manifest' in read) return { directory, file, manifest: read.manifest }
  }
  return null
}

/** Evidence of the dependencies, with the file that has them. */
export function placed(context: PlannerContext, { shared }: { shared?: string }, evidence: Evidence[]): Evidence[] {
  if (shared === undefined) return evidence
  const own = posix.join(normal(context.baseDirectory), 'package.json')
  const dependency = ({ kind, file }: Evidence): boolean => file === own && kind === 'dependency'
  return evidence.map((one) => (dependency(one) ? { ...one, file: shared } : one))
}
