import type { PlanDraft, PlannedCommand, PlannerContext } from '@appaloft/core/spec'
import type { Application } from './application.js'
import { direct } from './direct.js'
import type { Manifest } from './manifest.js'
import type { PackageManager } from './package-manager.js'

/** A value of the profile, else what the planner found; nothing where there is neither. */
const choose = (
  given: PlannedCommand['command'] | undefined,
  found: PlannedCommand['command'] | undefined,
): PlannedCommand | undefined =>
  given !== undefined
    ? { command: given, from: 'profile' }
    : found === undefined
      ? undefined
      : { command: found, from: 'planner' }

/** What installs, builds, packages, releases and starts, each from the profile where it says so. */
export async function commandsOf(
  context: PlannerContext,
  manifest: Manifest,
  manager: PackageManager,
  { found, outcome }: Application,
): Promise<PlanDraft['commands']> {
  const { runtime } = context.profiles
  const builds = manifest.scripts.build
  // A framework is built by its own program only where it is the one that runs: a custom start knows what it needs.
  const needed = found !== null && outcome.kind !== 'none' && runtime.startCommand === undefined
  const own =
    needed && runtime.publishDirectory === undefined ? ['npx', '--no-install', ...found.framework.build] : undefined
  const install = choose(runtime.installCommand, manager.install)
  const build = choose(
    runtime.buildCommand,
    builds === undefined || builds.trim() === '' ? own : [manager.program, 'run', 'build'],
  )
  const packaged = choose(runtime.packageCommand, undefined)
  const release = choose(runtime.releaseCommand, undefined)
  const script = outcome.kind === 'server' ? outcome.script : undefined
  const argv = script === undefined ? null : await direct(context, manifest, manager, script)
  return {
    ...(install ? { install } : {}),
    ...(build ? { build } : {}),
    ...(packaged ? { package: packaged } : {}),
    ...(release ? { release } : {}),
    ...(outcome.kind === 'server'
      ? { start: argv === null ? outcome.start : { ...outcome.start, command: argv } }
      : {}),
  }
}
