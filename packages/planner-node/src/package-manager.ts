import { posix } from 'node:path'
import { type Command, type Evidence, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { fact, type Manifest, readManifest } from './manifest.js'

export type ManagerName = 'npm' | 'pnpm' | 'yarn' | 'yarn-berry' | 'bun'
type Family = 'npm' | 'pnpm' | 'yarn' | 'bun'

export interface PackageManager {
  name: ManagerName
  version?: string
  /** The program that runs scripts. */
  program: Family
  /** Undefined: nothing to install. */
  install?: Command
  /** Relative to the source's root. */
  installDirectory: string
  evidence: Evidence[]
  warnings: Reason[]
  blocked?: Reason
}

const lockfiles: readonly [file: string, family: Family][] = [
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
]
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

/** The base directory and those above it, nearest first, relative to the source's root. */
export function upwards(baseDirectory: string): string[] {
  const out: string[] = []
  let at = posix.normalize(baseDirectory).replace(/\/$/, '')
  for (; at !== '.' && at !== ''; at = posix.dirname(at)) out.push(at)
  return [...out, '.']
}

interface Lock {
  directory: string
  file: string
  family: Family
}

async function isWorkspace({ root }: PlannerContext, directory: string): Promise<boolean> {
  for (const file of ['pnpm-workspace.yaml', 'lerna.json', 'rush.json'])
    if (await root.has(posix.join(directory, file))) return true
  const read = await readManifest(root, posix.join(directory, 'package.json'))
  return read !== null && 'manifest' in read && Boolean(read.manifest.workspaces)
}

/** The lockfiles of the nearest directory that has one (of that family, where one is asked for). */
async function nearestLocks(context: PlannerContext, family?: Family): Promise<Lock[]> {
  const [own] = upwards(context.baseDirectory)
  for (const directory of upwards(context.baseDirectory)) {
    // A lockfile above counts where it is a workspace's: another's does not hold what this package needs.
    if (directory !== own && !(await isWorkspace(context, directory))) continue
    const found: Lock[] = []
    for (const [file, owner] of lockfiles)
      if ((family === undefined || owner === family) && (await context.root.has(posix.join(directory, file))))
        found.push({ directory, file, family: owner })
    if (found.length > 0) return found
  }
  return []
}

/** The packageManager field of the package or of a package.json above it. */
async function field(context: PlannerContext, own: Manifest) {
  for (const directory of upwards(context.baseDirectory)) {
    const file = posix.join(directory, 'package.json')
    let manifest = own
    if (directory !== posix.normalize(context.baseDirectory).replace(/\/$/, '')) {
      const read = await readManifest(context.root, file)
      if (read === null || 'broken' in read) continue
      manifest = read.manifest
    }
    const match = /^(npm|pnpm|yarn|bun)(?:@([^+]+))?/.exec(manifest.packageManager ?? '')
    if (match) return { family: match[1] as Family, version: match[2], file }
  }
  return undefined
}

async function isBerry(context: PlannerContext, directory: string, version: string | undefined): Promise<boolean> {
  const major = Number.parseInt(version ?? '', 10)
  if (!Number.isNaN(major)) return major >= 2
  const { root } = context
  for (const file of ['.yarnrc.yml', '.pnp.cjs']) if (await root.has(posix.join(directory, file))) return true
  const lock = await root.readText(posix.join(directory, 'yarn.lock'), { maxBytes: 4096 })
  return lock !== null && /^__metadata:/m.test(lock)
}

/** Which package manager installs, where, and how: the packageManager field, else the lockfile, else a hint, else npm. */
export async function packageManager(context: PlannerContext, manifest: Manifest): Promise<PackageManager> {
  const evidence: Evidence[] = []
  const warnings: Reason[] = []
  const named = await field(context, manifest)
  const locks = await nearestLocks(context, named?.family)
  const families = [...new Set(locks.map((lock) => lock.family))]
  if (named)
    evidence.push({
      kind: 'config',
      file: named.file,
      signal: 'packageManager',
      value: `${named.family}${named.version === undefined ? '' : `@${named.version}`}`,
    })
  for (const lock of locks)
    evidence.push({
      kind: 'lockfile',
      file: posix.join(lock.directory, lock.file),
      signal: lock.file,
      value: lock.family,
    })

  const hint = (['pnpm', 'yarn', 'bun'] as const).find((name) => manifest.engines[name] !== undefined)
  const family = named?.family ?? families[0] ?? hint ?? 'npm'
  const lock = locks[0]
  const directory = lock?.directory ?? context.baseDirectory
  const berry = family === 'yarn' && (await isBerry(context, directory, named?.version))
  const name: ManagerName = berry ? 'yarn-berry' : family
  const needed =
    lock !== undefined ||
    Object.keys(manifest.dependencies).length > 0 ||
    Object.keys(manifest.devDependencies).length > 0
  const own = context.profiles.runtime.installCommand !== undefined
  if (needed && !lock && !own)
    warnings.push(reason('no-lockfile', { evidence: [fact(context, 'file', 'package.json', 'dependencies')] }))
  return {
    name,
    ...(named?.version === undefined ? {} : { version: named.version }),
    program: family,
    ...(needed ? { install: lock ? frozen[name] : unfrozen[name] } : {}),
    installDirectory: directory,
    evidence,
    warnings,
    ...(families.length > 1 && !own
      ? {
          blocked: reason('ambiguous-build-tool', {
            message: `Several package managers have a lockfile: ${locks.map((one) => one.file).join(', ')}.`,
            evidence,
            overridePath: [
              {
                action: 'Set the install command.',
                profileField: 'runtime.installCommand',
                example: frozen[families[0]!].join(' '),
              },
            ],
          }),
        }
      : {}),
  }
}
