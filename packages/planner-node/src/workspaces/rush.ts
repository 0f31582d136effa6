import { posix } from 'node:path'
import type { PlannerContext } from '@appaloft/core/spec'
import type { ManagerName, PackageManager } from '../managers/package-manager.js'
import { looseJson } from '../sources/loose.js'
import { isObject, type Manifest } from '../sources/manifest.js'
import { readSettings, type Workspace } from './workspace.js'

/** How Rush is called from a directory: the script that it keeps in the source, which brings the version asked for. */
export async function rushCall({ root }: PlannerContext, workspace: Workspace, from: string): Promise<string[]> {
  const script = posix.join(workspace.directory, 'common/scripts/install-run-rush.js')
  if (await root.has(script)) return ['node', posix.relative(from, script)]
  return ['npx', '--yes', '@microsoft/rush']
}

/** Rush installs every project with the package manager that rush.json names, from a lockfile of its own. */
export async function rushInstall(
  context: PlannerContext,
  _manifest: Manifest,
  workspace: Workspace,
): Promise<PackageManager> {
  const read = looseJson((await readSettings(context.root, workspace.file)) ?? '')
  const settings = isObject(read) ? read : {}
  const versions: [ManagerName, unknown][] = [
    ['pnpm', settings.pnpmVersion],
    ['npm', settings.npmVersion],
    ['yarn', settings.yarnVersion],
  ]
  const [name, version] = versions.find(([, one]) => typeof one === 'string') ?? ['pnpm', undefined]
  const value = typeof version === 'string' ? `${name}@${version}`.slice(0, 200) : name
  return {
    name,
    ...(typeof version === 'string' ? { version: version.slice(0, 64) } : {}),
    // Rush puts its package manager where only Rush finds it; npm runs the scripts of a project all the same.
    program: 'npm',
    install: [...(await rushCall(context, workspace, workspace.directory)), 'install'],
    installDirectory: workspace.directory,
    workspace,
    evidence: [{ kind: 'workspace', file: workspace.file, signal: 'rush', value }],
    warnings: [],
  }
}
