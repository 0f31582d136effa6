import { posix } from 'node:path'
import { type Command, type Evidence, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { expanded, isDispatch } from '../commands/scripts.js'
import { execOf } from '../managers/exec.js'
import type { PackageManager } from '../managers/package-manager.js'
import { isObject, type Manifest } from '../sources/manifest.js'
import { graphOf } from './graph.js'
import { rushCall } from './rush.js'
import { turboSteps } from './task-runners.js'
import { type Member, membersOf, normal, readSettings, type Workspace } from './workspace.js'

export interface WorkspaceBuild {
  /** Builds what the package needs, and the package itself. Absent where the package's own build is all there is. */
  command?: Command
  /** All packages of the workspace that the base package needs. */
  needed: Member[]
  evidence: Evidence[]
  blocked?: Reason
}

/** How what a package needs of its workspace is built before it. `own`: the name of its own build script. */
export async function workspaceBuild(
  context: PlannerContext,
  manifest: Manifest,
  manager: PackageManager,
  own: string | null,
): Promise<WorkspaceBuild> {
  const { workspace } = manager
  const nothing: WorkspaceBuild = { needed: [], evidence: [] }
  if (workspace === null) return nothing
  const directory = normal(context.baseDirectory)
  const base: Member = { directory, file: posix.join(directory, 'package.json'), manifest }
  const { members, unread } = await membersOf(context.root, workspace)
  const others = members.filter((one) => one.directory !== directory)
  const graph = graphOf(base, [base, ...others])
  const evidence: Evidence[] = graph.order.map((one) => ({
    kind: 'workspace',
    file: one.file,
    signal: 'built before',
    value: (one.manifest.name ?? one.directory).slice(0, 200),
  }))
  const block = (message: string, fix: string, about: Evidence[] = evidence): WorkspaceBuild => ({
    needed: graph.needed,
    evidence,
    blocked: reason('missing-build-intent', {
      message,
      evidence: about.slice(0, 10),
      fixPath: [{ action: fix }],
      overridePath: [
        {
          action: 'Set the command that builds the application and what it needs.',
          profileField: 'runtime.buildCommand',
          example: wholeBuild(manager, workspace, directory),
        },
      ],
    }),
  })
  const { absent } = graph
  if (absent !== undefined) {
    const where = unread.length > 0 ? ` ${unread.join(', ')} cannot be read.` : ''
    const about = { kind: 'dependency', file: absent.of.file, signal: absent.name, value: absent.spec.slice(0, 200) }
    return block(
      `${absent.of.file} needs ${absent.name} of the workspace, and no package of that name is in ${workspace.file}.${where}`,
      'Add the package to the workspace, or mend its package.json.',
      [about],
    )
  }
  if (workspace.kind === 'rush') {
    if (own === null && graph.order.length === 0) return { needed: graph.needed, evidence }
    const call = await rushCall(context, workspace, directory)
    const flag = own === null ? '--to-except' : '--to'
    return { needed: graph.needed, evidence, command: [...call, 'build', flag, manifest.name ?? '.'] }
  }
  if (workspace.kind === 'lerna' && graph.needed.length > 0)
    return block(
      `${base.file} needs ${namesOf(graph.needed)}, and nothing but ${workspace.file} says that they belong together: no package manager links them.`,
      'Add workspaces to the package.json beside lerna.json.',
    )
  // What starts the builds of a workspace's packages from its root is relied upon to build them in order.
  const line = own === null ? '' : expanded(manifest.scripts[own] ?? '', manifest)
  if (directory === workspace.directory && isDispatch(line)) return { needed: graph.needed, evidence: [] }
  const twice = repeated([base, ...others], [base, ...graph.needed])
  if (twice !== undefined)
    return block(
      `Several packages of the workspace are called ${twice}: which one is meant cannot be told.`,
      'Give each package of the workspace a name of its own.',
    )
  const turbo = own === 'build' ? await turboSteps(context.root, workspace, base, graph.needed) : null
  if (turbo !== null && manifest.name !== undefined) {
    const value = turbo.steps.join(', ').slice(0, 200)
    return {
      needed: graph.needed,
      evidence: [...evidence, { kind: 'config', file: turbo.file, signal: 'build depends on', value }],
      command: [...execOf(manager, { top: true }), 'turbo', 'run', 'build', `--filter=${manifest.name}...`],
    }
  }
  if (graph.order.length === 0) return { ...nothing, needed: graph.needed }
  if (graph.circle !== undefined)
    return block(
      `These packages need each other to be built: ${graph.circle.join(' → ')}.`,
      'Take one of these dependencies out.',
    )
  if (own !== null && own !== 'build')
    return block(
      `${base.file} needs ${namesOf(graph.order)} to be built first, and builds itself with the script ${own}.`,
      'Call the script build, as the other packages do.',
    )
  const nameless = [base, ...graph.order].find((one) => one.manifest.name === undefined)
  if (nameless !== undefined && manager.name !== 'npm' && manager.name !== 'yarn')
    return block(`${nameless.file} has no name, by which it would be built.`, 'Give the package a name.')
  const list = own === null ? graph.order : [...graph.order, base]
  const command = await commandFor(context, manager, workspace, base, list, graph.byVersion)
  if (typeof command === 'object' && 'fault' in command)
    return block(command.fault, 'Build them with one script of the workspace.')
  return { needed: graph.needed, evidence, command }
}

/** The workspace's own build, called from one of its packages; the package's, where the workspace has none. */
function wholeBuild({ program }: PackageManager, { manifest, directory }: Workspace, from: string): string {
  const up = posix.relative(from, directory)
  if (up === '' || (manifest?.scripts.build ?? '').trim() === '') return `${program} run build`
  if (program === 'pnpm') return 'pnpm --workspace-root run build'
  return program === 'npm' ? `npm run build --prefix ${up}` : `${program} --cwd ${up} run build`
}

const namesOf = (members: readonly Member[]): string =>
  members.map((one) => one.manifest.name ?? one.directory).join(', ')

/** A name of the ones that are built that another package of the workspace has too. */
function repeated(all: readonly Member[], built: readonly Member[]): string | undefined {
  const count = new Map<string, number>()
  for (const { manifest } of all)
    if (manifest.name !== undefined) count.set(manifest.name, (count.get(manifest.name) ?? 0) + 1)
  return built.map((one) => one.manifest.name).find((name) => name !== undefined && count.get(name)! > 1)
}

/** Each package manager's own way to run one script in several packages, what is needed first, or why it has none. */
async function commandFor(
  context: PlannerContext,
  manager: PackageManager,
  workspace: Workspace,
  base: Member,
  list: readonly Member[],
  byVersion: boolean,
): Promise<Command | { fault: string }> {
  const name = base.manifest.name!
  if (manager.name === 'pnpm') {
    // Whether a version leads to a package of the workspace is a setting of pnpm's: those are named one by one.
    const more = byVersion ? list.filter((one) => one !== base).map((one) => `--filter=${one.manifest.name}`) : []
    return ['pnpm', ...more, `--filter=${name}...`, 'run', 'build']
  }
  if (manager.name === 'yarn-berry') {
    if (!(await hasForeach(context, manager)))
      return { fault: `Yarn runs the builds of ${namesOf(list)} in order only with its plugin workspace-tools.` }
    const foreach = ['yarn', 'workspaces', 'foreach', '--recursive', '--topological-dev']
    return [...foreach, '--from', name, 'run', 'build']
  }
  // Bun's filters never mean the root.
  if (manager.name === 'bun' && list.includes(base) && base.directory === workspace.directory)
    return "bun run --filter='*' build && bun run build"
  if (manager.name === 'bun') return ['bun', 'run', ...list.map((one) => `--filter=${one.manifest.name}`), 'build']
  // Yarn's first version runs a script in one package or in all, in no order. npm reads the same field, and keeps the order given.
  const asked = isObject(workspace.manifest?.json.devEngines)
    ? workspace.manifest.json.devEngines.packageManager
    : undefined
  if (manager.name === 'yarn' && asked !== undefined)
    return { fault: `Yarn 1 has no way to build ${namesOf(list)} in order, and devEngines keeps npm from it.` }
  const flags = list.map((one) => `--workspace=${one.manifest.name ?? posix.relative(base.directory, one.directory)}`)
  if (base.directory !== workspace.directory) return ['npm', 'run', 'build', ...flags]
  // npm has the root's own script run first where it is asked for with others.
  if (!list.includes(base)) return ['npm', 'run', 'build', ...flags]
  if (list.length === 2) return 'npm run build --workspaces --if-present && npm run build'
  return { fault: `npm runs the root's own build before those of ${namesOf(list.slice(0, -1))}, which it needs.` }
}

/** Since its fourth version Yarn has the plugin built in. */
async function hasForeach({ root }: PlannerContext, { version, installDirectory }: PackageManager): Promise<boolean> {
  const major = Number.parseInt(version?.replace(/^\D*/, '') ?? '', 10)
  if (!(major < 4)) return true
  if ((await readSettings(root, posix.join(installDirectory, '.yarnrc.yml')))?.includes('plugin-workspace-tools'))
    return true
  return root.has(posix.join(installDirectory, '.yarn/plugins/@yarnpkg/plugin-workspace-tools.cjs'))
}
