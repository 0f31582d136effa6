import { posix } from 'node:path'
import { type Evidence, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import semver from 'semver'
import { isObject } from '../sources/manifest.js'
import { scripted } from '../system-packages.js'
import { type Member, readSettings, yamlObject } from '../workspaces/workspace.js'
import type { PackageManager } from './package-manager.js'

/** Which install scripts run: all, or those that a list names. */
type Allowed = { all: true } | { only: (name: string) => boolean; evidence: Evidence; how: string; since?: string }

const listOf = (...values: unknown[]): Set<string> =>
  new Set(values.flatMap((one) => (Array.isArray(one) ? one.filter((name) => typeof name === 'string') : [])))

/** Warns of packages whose install scripts the package manager would not run; null where all that matter run. */
export async function blockedScripts(
  context: PlannerContext,
  manager: PackageManager,
  members: readonly Member[],
): Promise<Reason | null> {
  const names = scripted(members)
  if (names.length === 0 || manager.install === undefined) return null
  const allowed = await allowedBy(context, manager, members[0]!)
  if ('all' in allowed) return null
  const stopped = names.filter((name) => !allowed.only(name))
  if (stopped.length === 0) return null
  return reason('install-scripts-blocked', {
    message: `${allowed.since ?? ''}${allowed.how}, and these packages need theirs: ${stopped.join(', ')}.`,
    evidence: [allowed.evidence],
    fixPath: [{ action: 'Allow the install scripts of these packages.', example: fixOf(manager, stopped) }],
  })
}

const fixOf = ({ name }: PackageManager, stopped: readonly string[]): string => {
  if (name === 'pnpm') return `pnpm approve-builds ${stopped.join(' ')}`
  if (name === 'bun') return `bun pm trust ${stopped.join(' ')}`
  return name === 'yarn-berry' ? 'enableScripts: true' : 'ignore-scripts=false'
}

async function allowedBy(context: PlannerContext, manager: PackageManager, base: Member): Promise<Allowed> {
  const { root } = context
  const at = (name: string): string => posix.join(manager.installDirectory, name)
  const npmrc = at('.npmrc')
  const ignored = /^[ \t]*ignore-scripts[ \t]*=[ \t]*true[ \t]*\r?$/m.test((await readSettings(root, npmrc)) ?? '')
  if (ignored && manager.name !== 'yarn-berry' && manager.name !== 'bun')
    return {
      only: () => false,
      evidence: { kind: 'config', file: npmrc, signal: 'ignore-scripts', value: true },
      how: `${npmrc} keeps install scripts from running`,
    }
  const json = manager.workspace?.manifest?.json ?? base.manifest.json
  const manifest = at('package.json')
  if (manager.name === 'bun' && Array.isArray(json.trustedDependencies)) {
    const trusted = listOf(json.trustedDependencies)
    const evidence = { kind: 'config', file: manifest, signal: 'trustedDependencies', value: [...trusted].slice(0, 20) }
    return {
      only: (name) => trusted.has(name),
      evidence,
      how: 'Bun runs the install scripts of trustedDependencies only',
    }
  }
  if (manager.name === 'yarn-berry') {
    const file = at('.yarnrc.yml')
    if (yamlObject(await readSettings(root, file)).enableScripts !== false) return { all: true }
    const meta = isObject(json.dependenciesMeta) ? json.dependenciesMeta : {}
    const built = (name: string): boolean => {
      const one = Object.hasOwn(meta, name) ? meta[name] : undefined
      return isObject(one) && one.built === true
    }
    const evidence = { kind: 'config', file, signal: 'enableScripts', value: false }
    return { only: built, evidence, how: `${file} keeps install scripts from running` }
  }
  return manager.name === 'pnpm' ? allowedByPnpm(context, manager, json) : { all: true }
}

/** pnpm runs install scripts of dependencies since its tenth version only where they are allowed. */
async function allowedByPnpm(
  { root }: PlannerContext,
  { version, installDirectory }: PackageManager,
  json: Record<string, unknown>,
): Promise<Allowed> {
  if (version !== undefined && !reaches(version, '>=10')) return { all: true }
  const file = posix.join(installDirectory, 'pnpm-workspace.yaml')
  const settings = yamlObject(await readSettings(root, file))
  const field = isObject(json.pnpm) ? json.pnpm : {}
  for (const one of [settings, field]) {
    if (one.dangerouslyAllowAllBuilds === true || one.onlyBuiltDependenciesFile !== undefined) return { all: true }
    if (Array.isArray(one.neverBuiltDependencies)) return { all: true }
  }
  const builds = isObject(settings.allowBuilds) ? settings.allowBuilds : {}
  const named = listOf(
    settings.onlyBuiltDependencies,
    field.onlyBuiltDependencies,
    Object.keys(builds).filter((name) => builds[name] === true),
  )
  const plain = new Set([...named].map((name) => name.replace(/(.)@.*$/, '$1')))
  return {
    only: (name) => plain.has(name),
    evidence: { kind: 'config', file, signal: 'onlyBuiltDependencies', value: [...plain].sort().slice(0, 20) },
    how: 'pnpm runs the install scripts of onlyBuiltDependencies and allowBuilds only',
    ...(version === undefined || !reaches(version, '<10') ? {} : { since: 'From its version 10 on, ' }),
  }
}

function reaches(version: string, range: string): boolean {
  try {
    return semver.intersects(version, range)
  } catch {
    return true
  }
}
