import {
  type Blocked,
  type Evidence,
  type PlanDraft,
  type PlannedCommand,
  type PlannerContext,
  type Reason,
  reason,
} from '@appaloft/core/spec'
import { examine, type Found, hostEvidence, profileEvidence, siteEvidence } from './detect.js'
import { readHosting } from './hosting/hosting.js'
import type { Settings } from './options.js'
import { bounded, directoryOf } from './paths.js'

type Commands = PlanDraft['commands']

/** Those of the profile, and of the generator where there is one: nothing else in a tree without a manifest tells how to build it. */
function commandsOf({ profiles: { runtime } }: PlannerContext, { generator }: Found): Commands {
  const commands: Commands = {}
  const set = (name: keyof Commands, given: PlannedCommand['command'] | undefined, own?: string): void => {
    if (given !== undefined) commands[name] = { command: given, from: 'profile' }
    else if (own !== undefined) commands[name] = { command: own, from: 'planner' }
  }
  set('install', runtime.installCommand, generator?.install)
  set('build', runtime.buildCommand, generator?.build)
  set('package', runtime.packageCommand)
  set('release', runtime.releaseCommand)
  return commands
}

const networkOf = ({ profiles: { network } }: PlannerContext): PlanDraft['network'] => ({
  internalPort: network.internalPort ?? 80,
  from: network.internalPort === undefined ? 'planner' : 'profile',
  honoursPort: network.honoursPort ?? true,
})

const holds = async ({ tree }: PlannerContext, directory: string): Promise<boolean> =>
  directory === '.' || (await tree.has(`${directory}/`))

function missingOutput(
  message: string,
  evidence: Evidence[],
  sites: readonly string[],
  directory?: string | null,
): Reason {
  return reason('missing-artifact-output', {
    message,
    evidence,
    fixPath: [
      {
        action: 'Add the directory with its index.html to the source.',
        example: `${directory ?? 'public'}/index.html`,
      },
    ],
    overridePath: [
      {
        action: 'Set the directory with the files.',
        profileField: 'runtime.publishDirectory',
        example: sites[0] ?? '.',
      },
    ],
  })
}

/** The plan of a static site: its publish directory, and the commands that write it, where there are any. */
export async function plan(context: PlannerContext, settings: Settings): Promise<PlanDraft | Blocked> {
  const { runtime } = context.profiles
  const found = await examine(context, settings)
  const { generator, hosts, sites, unbuilt } = found
  const commands = commandsOf(context, found)
  const given = runtime.publishDirectory
  const written = commands.build !== undefined || commands.package !== undefined
  const guess = generator?.output ?? (written && unbuilt !== null ? unbuilt.publish : sites[0])
  const directory = given === undefined ? guess : directoryOf(given)
  const base = {
    ...(generator === null ? {} : { framework: { name: generator.name, mode: 'static' as const } }),
    runtime: { family: generator?.family ?? 'static', version: runtime.runtimeVersion ?? '*' },
    commands,
    network: networkOf(context),
    evidence: [
      ...profileEvidence(context.profiles),
      ...(generator?.evidence ?? []),
      ...hostEvidence(context, hosts),
      ...siteEvidence(context, sites, directory ?? undefined),
    ],
  }
  const blocked = (one: Reason): Blocked => ({ blocked: [one], draft: base })
  const missing = (message: string): Blocked => blocked(missingOutput(message, base.evidence, sites, directory))

  const against = (['startCommand', 'dockerfilePath', 'buildTarget'] as const).find(
    (name) => runtime[name] !== undefined,
  )
  if (against !== undefined) {
    const field = `runtime.${against}`
    return blocked(
      reason('incompatible-source-strategy', {
        message: `A static site is served as it is, neither started nor built by a Dockerfile: ${field} contradicts runtime.planner "static".`,
        evidence: [{ kind: 'profile', signal: field }, ...base.evidence],
        overridePath: [{ action: 'Remove one of the two.', profileField: field }],
        affectedProfileField: field,
      }),
    )
  }
  if (given === undefined && unbuilt !== null && !written && sites.length === 0)
    return blocked(needsBuild(unbuilt, base))
  if (directory === undefined) return missing('There is no index.html, and nothing says where the files are.')
  if (directory === null) return missing(`${quoted(given)} is not a directory inside the base directory.`)
  if (!written && !(await holds(context, directory)))
    return missing(`The source has no directory ${quoted(directory)}, and no command writes it.`)

  // A command that begins with # is the way to say that there is none.
  if (!written) for (const rules of hosts) rules.ignore('build', /^\s*[^#\s]/.test(rules.build ?? '') ? 1 : 0)
  const hosting = await readHosting(context, generator === null ? directory : generator.assets, hosts)
  return {
    ...base,
    artifact: { kind: 'static-site', publishDirectory: directory, spaFallback: hosting.spaFallback },
    evidence: [...base.evidence, ...hosting.evidence],
    warnings: hosting.warnings,
  }
}

const needsBuild = ({ file, publish, build }: NonNullable<Found['unbuilt']>, { evidence }: { evidence: Evidence[] }) =>
  reason('missing-build-intent', {
    message: `${file} serves ${quoted(publish)}, which the source does not hold: ${quoted(build)} writes it on the host that the file is for, and nothing else says what that needs.`,
    evidence,
    fixPath: [{ action: 'Add what is built to the source.', example: `${publish}/index.html` }],
    overridePath: [
      { action: 'Set the command that writes it.', profileField: 'runtime.buildCommand', example: bounded(build) },
    ],
  })

const quoted = (text: string | undefined): string => JSON.stringify(bounded(text ?? ''))
