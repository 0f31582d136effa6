import { posix } from 'node:path'
import { type Command, type Evidence, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import semver from 'semver'
import { fact, type Manifest } from '../sources/manifest.js'
import { rushInstall } from '../workspaces/rush.js'
import { findWorkspace, normal, readSettings, type Workspace, yamlObject } from '../workspaces/workspace.js'
import { type Lock, lockEvidence, locksIn } from './lockfiles.js'
import { type Family, fieldOf, type Named, wishesOf, yarnInSource } from './manager-field.js'

export type ManagerName = 'npm' | 'pnpm' | 'yarn' | 'yarn-berry' | 'bun'

export interface PackageManager {
  name: ManagerName
  version?: string
  /** The program that runs scripts. */
  program: Family
  /** Undefined: nothing to install. */
  install?: Command
  /** Relative to the source's root. */
  installDirectory: string
  /** Of which the base directory is the root or a package. */
  workspace: Workspace | null
  evidence: Evidence[]
  warnings: Reason[]
  blocked?: Reason
}

const frozen: Record<ManagerName, string[]> = {
  npm: ['npm', 'ci'],
  pnpm: ['pnpm', 'install', '--frozen-lockfile'],
  yarn: ['yarn', 'install', '--frozen-lockfile'],
  'yarn-berry': ['yarn', 'install', '--immutable'],
  bun: ['bun', 'install', '--frozen-lockfile'],
}
const unfrozen: Record<ManagerName, string[]> = {
  npm: ['npm', 'install'],
  pnpm: ['pnpm', 'install', '--no-frozen-lockfile'],
  yarn: ['yarn', 'install'],
  'yarn-berry': ['yarn', 'install', '--no-immutable'],
  bun: ['bun', 'install'],
}
/** Where NODE_ENV is set while building, package managers leave out what only the build needs. */
const everything: Partial<Record<ManagerName, string[]>> = {
  npm: ['--include=dev'],
  pnpm: ['--prod=false'],
  yarn: ['--production=false'],
}

/** The lockfiles that decide, the others that are there, and where the install runs. */
async function locksOf(
  { root, baseDirectory }: PlannerContext,
  workspace: Workspace | null,
): Promise<{ directory: string; locks: Lock[]; stray: Lock[] }> {
  const own = normal(baseDirectory)
  const ownLocks = await locksIn(root, own)
  if (workspace === null || workspace.kind === 'lerna' || workspace.directory === own)
    return { directory: own, locks: ownLocks, stray: [] }
  const above = await locksIn(root, workspace.directory)
  const parted =
    above.length === 0 &&
    workspace.kind === 'pnpm' &&
    (yamlObject(await readSettings(root, workspace.file)).sharedWorkspaceLockfile === false ||
      /^[ \t]*shared-workspace-lockfile[ \t]*=[ \t]*false/m.test(
        (await readSettings(root, `${workspace.directory}/.npmrc`)) ?? '',
      ))
  return parted
    ? { directory: workspace.directory, locks: ownLocks, stray: [] }
    : { directory: workspace.directory, locks: above, stray: ownLocks }
}

async function isBerry(
  context: PlannerContext,
  directory: string,
  named: Named | null,
  lock: Lock | undefined,
  told: readonly (string | undefined)[],
): Promise<Evidence | boolean> {
  const { root } = context
  for (const version of told) {
    const later = version === undefined ? null : isLater(version)
    if (later !== null) return later
  }
  if (named?.berry) return true
  for (const name of ['.yarnrc.yml', '.pnp.cjs']) {
    const file = posix.join(directory, name)
    if (await root.has(file)) return { kind: 'file', file, signal: name, value: 'yarn-berry' }
  }
  return lock?.berry === true
}

/**
 * Which package manager installs, where, and how: the packageManager field, else the lockfile, else what else names one, else npm.
 * In a workspace the field and the lockfile are the root's.
 */
export async function packageManager(context: PlannerContext, manifest: Manifest): Promise<PackageManager> {
  const workspace = await findWorkspace(context)
  if (workspace?.kind === 'rush') return rushInstall(context, manifest, workspace)
  const evidence: Evidence[] = []
  const warnings: Reason[] = []
  const found = await locksOf(context, workspace)
  const { named, odd } = await fieldOf(context, manifest, workspace)
  if (named) evidence.push(named.evidence)
  if (odd) evidence.push(odd)
  if (workspace) evidence.push({ kind: 'workspace', file: workspace.file, signal: 'workspace', value: workspace.kind })

  const decisive = named === null ? found.locks : found.locks.filter((lock) => lock.family === named.family)
  const locked = [...new Set(decisive.map((lock) => lock.family))]
  for (const lock of found.locks) evidence.push(lockEvidence(lock, decisive.includes(lock)))
  for (const lock of found.stray) evidence.push(lockEvidence(lock, false))

  const wishes = await wishesOf(context, manifest, workspace)
  const wish = named === null && locked.length === 0 ? wishes[0] : undefined
  if (wish) evidence.push(wish.evidence)
  const family = named?.family ?? locked[0] ?? wish?.family ?? 'npm'
  const lock = decisive[0]
  const yarn = family === 'yarn' ? await yarnInSource(context, found.directory) : null
  const wished = wishes.find((one) => one.family === family && one.version !== undefined)
  if (yarn) evidence.push(yarn.evidence)
  else if (named?.version === undefined && wished && wished !== wish) evidence.push(wished.evidence)
  const later =
    family === 'yarn' &&
    (await isBerry(context, found.directory, named, lock, [
      // The program in the source is what runs in the end, whatever is asked for.
      ...[yarn?.version, named?.version, wished?.version],
    ]))
  const berry = later !== false
  if (typeof later === 'object') evidence.push(later)
  const name: ManagerName = berry ? 'yarn-berry' : family
  const format = fits(lock, berry) ? lock?.version : undefined
  const version = yarn?.version ?? named?.version ?? nearer(wished?.version, format)

  const own = context.profiles.runtime.installCommand !== undefined
  const depends = dependsOn(manifest) || (workspace?.manifest ? dependsOn(workspace.manifest) : false)
  const needed = lock !== undefined || depends || installHooks.some((hook) => manifest.scripts[hook] !== undefined)
  if (depends && !lock && !own) warnings.push(noLockfile(context, named, found.locks))
  if (named?.fault !== undefined) warnings.push(unclear(named.evidence, named.fault))
  else if (odd && named === null) warnings.push(unclear(odd, 'it names none that is known'))
  const command = lock ? frozen[name] : unfrozen[name]
  const scope = context.profiles.environment.NODE_ENV?.scope
  const more = scope === 'build' || scope === 'both' ? (everything[name] ?? []) : []
  return {
    name,
    ...(version === undefined ? {} : { version }),
    program: family,
    ...(needed ? { install: [...command, ...more] } : {}),
    installDirectory: found.directory,
    workspace,
    evidence,
    warnings,
    ...(locked.length > 1 && !own ? { blocked: ambiguous(decisive, locked, evidence) } : {}),
  }
}

export const installHooks = ['preinstall', 'install', 'postinstall', 'prepare']

/** Does a version or range mean Yarn's later versions? Null where it lets both. */
function isLater(version: string): boolean | null {
  const lets = (range: string): boolean => semver.intersects(version, range, { includePrerelease: true, loose: true })
  return lets('<2.0.0-0') === lets('>=2.0.0-0') ? null : lets('>=2.0.0-0')
}

/** What is asked for, or what the lockfile's format tells where that says more: an old format is not one for every version of a range. */
function nearer(asked: string | undefined, format: string | undefined): string | undefined {
  if (asked === undefined || format === undefined) return asked ?? format
  return semver.valid(asked) === null && semver.subset(format, asked, { loose: true }) ? format : asked
}

/** A lockfile of yarn's other line says nothing of the version that runs. */
const fits = (lock: Lock | undefined, berry: boolean): boolean =>
  lock !== undefined && (lock.family !== 'yarn' || (lock.berry ?? berry) === berry)

const dependsOn = ({ dependencies, devDependencies }: Manifest): boolean =>
  Object.keys(dependencies).length > 0 || Object.keys(devDependencies).length > 0

function noLockfile(context: PlannerContext, named: Named | null, others: readonly Lock[]): Reason {
  const evidence = [
    fact(context, 'file', 'package.json', 'dependencies'),
    ...others.map((one) => lockEvidence(one, false)),
  ]
  if (named === null || others.length === 0) return reason('no-lockfile', { evidence })
  return reason('no-lockfile', {
    message: `packageManager names ${named.family}, whose lockfile is not there: ${others.map((one) => one.name).join(', ')} is not used, and two builds may install different versions.`,
    evidence: [named.evidence, ...evidence],
    fixPath: [
      { action: `Commit the lockfile of ${named.family}, and remove ${others.map((one) => one.name).join(', ')}.` },
    ],
  })
}

const unclear = (evidence: Evidence, fault: string): Reason =>
  reason('package-manager-unclear', {
    message: `packageManager of ${evidence.file} is ${JSON.stringify(evidence.value)}: ${fault}.`,
    evidence: [evidence],
  })

function ambiguous(locks: readonly Lock[], families: readonly Family[], evidence: Evidence[]): Reason {
  return reason('ambiguous-build-tool', {
    message: `Several package managers have a lockfile: ${locks.map((one) => one.name).join(', ')}.`,
    evidence,
    fixPath: [
      { action: 'Remove the lockfiles that are out of use.' },
      { action: 'Or add packageManager to package.json.', example: `"packageManager": "${families[0]}@…"` },
    ],
    overridePath: families.map((family) => ({
      action: `Set the install command: ${family}.`,
      profileField: 'runtime.installCommand',
      example: frozen[family].join(' '),
    })),
  })
}
