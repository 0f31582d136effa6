import { type Blocked, type PlanDraft, type PlannedCommand, type PlannerContext, reason } from '@appaloft/core/spec'
import { bounded, findSites, profileEvidence, siteEvidence } from './detect.js'
import { readHosting } from './hosting.js'
import { directoryOf, type Settings } from './options.js'

type Commands = PlanDraft['commands']

/** Only what the profile says: nothing in a tree without a manifest tells how to build it. */
function commandsOf({ profiles: { runtime } }: PlannerContext): Commands {
  const commands: Commands = {}
  const set = (name: keyof Commands, command: PlannedCommand['command'] | undefined): void => {
    if (command !== undefined) commands[name] = { command, from: 'profile' }
  }
  set('install', runtime.installCommand)
  set('build', runtime.buildCommand)
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

/** The plan of a static site: its publish directory, and the profile's commands where there are any. */
export async function plan(context: PlannerContext, settings: Settings): Promise<PlanDraft | Blocked> {
  const { runtime } = context.profiles
  const commands = commandsOf(context)
  const sites = await findSites(context, settings)
  const given = runtime.publishDirectory
  const directory = given === undefined ? sites[0] : directoryOf(given)
  const base = {
    runtime: { family: 'static', version: runtime.runtimeVersion ?? '*' },
    commands,
    network: networkOf(context),
    evidence: [...profileEvidence(context.profiles), ...siteEvidence(context, sites, directory ?? undefined)],
  }
  const missing = (message: string): Blocked => ({
    blocked: [
      reason('missing-artifact-output', {
        message,
        evidence: base.evidence,
        fixPath: [{ action: 'Add the directory with its index.html to the source.', example: 'public/index.html' }],
        overridePath: [
          { action: 'Set the directory with the files.', profileField: 'runtime.publishDirectory', example: 'public' },
          { action: 'Set the command that writes it.', profileField: 'runtime.buildCommand' },
        ],
      }),
    ],
    draft: base,
  })

  const against = (['startCommand', 'dockerfilePath', 'buildTarget'] as const).find(
    (name) => runtime[name] !== undefined,
  )
  if (against !== undefined) {
    const field = `runtime.${against}`
    return {
      blocked: [
        reason('incompatible-source-strategy', {
          message: `A static site is served as it is, neither started nor built by a Dockerfile: ${field} contradicts runtime.planner "static".`,
          evidence: [{ kind: 'profile', signal: field }, ...base.evidence],
          overridePath: [{ action: 'Remove one of the two.', profileField: field }],
          affectedProfileField: field,
        }),
      ],
      draft: base,
    }
  }
  if (directory === undefined) return missing('There is no index.html, and nothing says where the files are.')
  if (directory === null) return missing(`${quoted(given)} is not a directory inside the base directory.`)
  const written = commands.build !== undefined || commands.package !== undefined
  if (!written && !(await holds(context, directory))) {
    return missing(`The source has no directory ${quoted(directory)}, and no command writes it.`)
  }

  const hosting = await readHosting(context, directory)
  return {
    ...base,
    artifact: { kind: 'static-site', publishDirectory: directory, spaFallback: hosting.spaFallback },
    evidence: [...base.evidence, ...hosting.evidence],
    warnings: hosting.warnings,
  }
}

const quoted = (text: string | undefined): string => JSON.stringify(bounded(text ?? ''))
