import { posix } from 'node:path'
import {
  type Command,
  type Evidence,
  type PlanDraft,
  type PlannedCommand,
  type PlannerContext,
  type Reason,
  reason,
} from '@appaloft/core/spec'
import type { Application } from '../application.js'
import { execOf, runnable } from '../managers/exec.js'
import { blockedScripts } from '../managers/install-scripts.js'
import type { PackageManager } from '../managers/package-manager.js'
import { registries } from '../managers/registries.js'
import { isOutput, resolveFile } from '../port.js'
import { fact, type Manifest, shown } from '../sources/manifest.js'
import { systemPackages } from '../system-packages.js'
import { type WorkspaceBuild, workspaceBuild } from '../workspaces/build.js'
import { type Member, normal } from '../workspaces/workspace.js'
import { type BuildScript, buildScript } from './build-script.js'
import { direct } from './direct.js'
import { ungenerated } from './generate.js'
import { entryOf } from './scripts.js'

export interface Commands {
  commands: PlanDraft['commands']
  evidence: Evidence[]
  warnings: Reason[]
  blocked: Reason[]
}

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
  application: Application,
): Promise<Commands> {
  const { runtime } = context.profiles
  const { outcome } = application
  const install = choose(runtime.installCommand, manager.install)
  const nothing: Built = { needed: [], evidence: [], blocked: [] }
  const built =
    runtime.buildCommand === undefined && outcome.kind !== 'none'
      ? await buildOf(context, manifest, manager, application)
      : nothing
  const build = choose(runtime.buildCommand, built.command)
  const packaged = choose(runtime.packageCommand, runtime.startCommand === undefined ? application.package : undefined)
  const release = choose(runtime.releaseCommand, undefined)
  const script = outcome.kind === 'server' ? outcome.script : undefined
  const argv = script === undefined ? null : await direct(context, manifest, manager, script)
  const commands = {
    ...(install ? { install } : {}),
    ...(build ? { build } : {}),
    ...(packaged ? { package: packaged } : {}),
    ...(release ? { release } : {}),
    ...(outcome.kind === 'server'
      ? { start: argv === null ? outcome.start : { ...outcome.start, command: argv } }
      : {}),
  }
  const directory = normal(context.baseDirectory)
  const file = posix.join(directory, 'package.json')
  const members = [{ directory, file, manifest }, ...built.needed]
  const asked = manager.install === undefined ? null : await registries(context, manager)
  const warnings = [
    ...[systemPackages(members), await blockedScripts(context, manager, members)].filter((one) => one !== null),
    ...(asked?.warnings ?? []),
  ]
  return { commands, evidence: [...built.evidence, ...(asked?.evidence ?? [])], warnings, blocked: built.blocked }
}

interface Built {
  needed: Member[]
  command?: Command
  evidence: Evidence[]
  blocked: Reason[]
}

async function buildOf(
  context: PlannerContext,
  manifest: Manifest,
  manager: PackageManager,
  application: Application,
): Promise<Built> {
  const { runtime } = context.profiles
  const { found, outcome } = application
  // A framework is built by its own program only where it is the one that runs: a custom start knows what it needs.
  const built = (found !== null || application.build !== undefined) && runtime.startCommand === undefined
  const framework = built ? (application.build?.argv ?? found?.framework.build) : undefined
  const script =
    built && application.build
      ? scriptOf(manifest, application.build.scripts ?? [])
      : (buildScript(manifest, {
          ...(framework === undefined ? {} : { framework }),
          output: outcome.kind === 'server' && (await lacksOutput(context, outcome.line)),
        }) ?? scriptOf(manifest, built && found?.script !== undefined ? [found.script] : []))
  const program = script === null && runtime.publishDirectory === undefined ? framework : undefined
  const evidence: Evidence[] =
    script === null
      ? []
      : [fact(context, 'script', 'package.json', `scripts.${script.name}`, shown(manifest.scripts[script.name]!))]
  const around = await workspaceBuild(context, manifest, manager, script?.name ?? null)
  evidence.push(...around.evidence)
  const own: Command | undefined =
    script !== null
      ? [manager.program, 'run', script.name]
      : program === undefined
        ? undefined
        : runnable(program, manager)
  const blocked: Reason[] = around.blocked ? [around.blocked] : []
  const both = program === undefined ? undefined : beforeProgram(around.command, application, own, manager)
  if (both === null)
    blocked.push(needsScript(context, `what ${context.baseDirectory} needs of the workspace is built first`, program!))
  if (both) around.command = both
  const step = await generateStep(context, manifest, manager, around)
  const { needed } = around
  if (step === null)
    return { needed, ...((around.command ?? own) ? { command: around.command ?? own! } : {}), evidence, blocked }
  evidence.push(...step.evidence)
  if ('blocked' in step)
    return { needed, ...(own ? { command: own } : {}), evidence, blocked: [...blocked, step.blocked] }
  const command = joined(step.command, around.command, own, script, manager)
  if (command === null && blocked.length === 0)
    blocked.push(needsScript(context, 'prisma generate runs before several builds', ['prisma', 'generate']))
  return { needed, ...(command === null ? {} : { command }), evidence, blocked }
}

/** Words that mean nothing to a shell. */
const plainWords = (argv: readonly string[]): boolean => argv.every((word) => /^[\w@%+=:,./-]+$/.test(word))

/**
 * What the package needs and then the framework's own program, as one line of words of ours. Undefined where nothing is needed first, null
 * where the package manager has no words for what is needed but names.
 */
function beforeProgram(
  around: Command | undefined,
  application: Application,
  own: Command | undefined,
  manager: PackageManager,
): string | null | undefined {
  if (around === undefined) return undefined
  const links = Array.isArray(around) && around.filter((word) => word.startsWith('--filter=')).length === 1
  if (manager.name !== 'pnpm' || !links || application.build !== undefined || !Array.isArray(own)) return null
  return plainWords(own) ? `pnpm --filter={.}^... run build && ${own.join(' ')}` : null
}

/** The first of these scripts that there is. */
function scriptOf(manifest: Manifest, names: readonly string[]): BuildScript | null {
  const name = names.find((one) => (manifest.scripts[one] ?? '').trim() !== '')
  return name === undefined ? null : { name, line: manifest.scripts[name]! }
}

async function lacksOutput(context: PlannerContext, line: string): Promise<boolean> {
  const entry = entryOf(line)
  return entry !== undefined && isOutput(entry) && (await resolveFile(context, entry)) === null
}

const needsScript = (context: PlannerContext, why: string, program: readonly string[]): Reason =>
  reason('missing-build-intent', {
    message: `One command cannot say all of the build: ${why}.`,
    evidence: [fact(context, 'file', 'package.json', 'scripts.build')],
    fixPath: [{ action: 'Add it to the build script of package.json.', example: program.join(' ') }],
    overridePath: [
      { action: 'Set the whole build command.', profileField: 'runtime.buildCommand', example: 'npm run build' },
    ],
  })

type Step = { command: string[]; evidence: Evidence[] } | { command: string[]; evidence: Evidence[]; blocked: Reason }

/** Prisma's client, where nothing else generates it: in the package itself, or in one of the workspace that it needs. */
async function generateStep(
  context: PlannerContext,
  manifest: Manifest,
  manager: PackageManager,
  { needed, command }: WorkspaceBuild,
): Promise<Step | null> {
  const { root } = context
  const directory = normal(context.baseDirectory)
  const steps = [...execOf(manager), 'prisma', 'generate']
  const hooks = manager.workspace?.manifest?.scripts.postinstall ?? ''
  // The task runner, or the workspace's own install, knows more of it than is told here.
  if (
    /generate|turbo|nx|pnpm -r|--recursive|--workspaces/.test(hooks) ||
    (Array.isArray(command) && command.includes('turbo'))
  )
    return null
  for (const member of needed) {
    const missing = await ungenerated(root, member)
    if (missing === null) continue
    const blocked = reason('missing-build-intent', {
      message: `${member.file} has a Prisma schema, and nothing runs prisma generate for it.`,
      evidence: [missing.evidence],
      fixPath: [{ action: `Add a script postinstall to ${member.file}.`, example: 'prisma generate' }],
      overridePath: [
        {
          action: 'Set a build command that generates the client first.',
          profileField: 'runtime.buildCommand',
          example: `${manager.program} run build`,
        },
      ],
    })
    return { command: steps, evidence: [missing.evidence], blocked }
  }
  const file = `${directory}/package.json`
  const missing = await ungenerated(root, { directory, file, manifest })
  return missing === null ? null : { command: steps, evidence: [missing.evidence] }
}

/** Two commands as one. Only words of ours stand in a line for a shell: null where there would be others. */
function joined(
  first: string[],
  around: Command | undefined,
  own: Command | undefined,
  script: BuildScript | null,
  manager: PackageManager,
): Command | null {
  if (around !== undefined) {
    if (typeof around === 'string') return `${first.join(' ')} && ${around}`
    if (manager.name !== 'pnpm' || script === null) return null
    return `${first.join(' ')} && pnpm --filter={.}... run build`
  }
  if (own === undefined) return first
  const plain = script === null || /^[\w:.-]+$/.test(script.name)
  return plain && Array.isArray(own) && plainWords(own) ? `${first.join(' ')} && ${own.join(' ')}` : null
}
