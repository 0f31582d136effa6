import { posix } from 'node:path'
import {
  type Artifact,
  type Blocked,
  type Evidence,
  type PlanDraft,
  type PlannerContext,
  type Reason,
  reason,
} from '@appaloft/core/spec'
import { type Application, examine } from './application.js'
import { commandsOf } from './commands/commands.js'
import { entryOf } from './commands/scripts.js'
import { type PackageManager, packageManager } from './managers/package-manager.js'
import { nodeVersion } from './node-version.js'
import { findPort, isOutput, resolveFile } from './port.js'
import { fact, type Manifest, otherManifest, shown } from './sources/manifest.js'
import { manifestAt, placed } from './workspaces/nx-project.js'
import { membersOf } from './workspaces/workspace.js'

/** Writes the plan. What is blocked says why, and shows what was found out all the same. */
export async function plan(context: PlannerContext): Promise<PlanDraft | Blocked> {
  const read = await manifestAt(context)
  const name = (read !== null && 'instead' in read ? read.instead : undefined) ?? 'package.json'
  const file = fact(context, 'file', name, name)
  if (read === null || 'broken' in read) {
    const other = read === null ? await otherManifest(context.tree) : undefined
    const absent =
      other === undefined
        ? 'it does not exist'
        : `${other} stands in its place, which npm, Node and this planner do not read`
    const why = read === null ? absent : read.broken
    return {
      blocked: [
        reason('source-unreadable', {
          message: `${file.file} cannot be read: ${why}.`,
          evidence: [file],
          fixPath: [{ action: other === undefined ? `Mend ${file.file}.` : `Write ${other} as package.json.` }],
        }),
      ],
    }
  }
  const { manifest } = read
  const manager = await packageManager(context, manifest)
  const application = await examine(context, manifest, manager)
  const version = await nodeVersion(context, manifest)
  const { outcome, named } = application
  const tools = await commandsOf(context, manifest, manager, application)
  const draft = {
    runtime: {
      family: 'node',
      version: version.version,
      packageManager: { name: manager.name, ...(manager.version === undefined ? {} : { version: manager.version }) },
    },
    ...(named ? { framework: { ...named, ...modeOf(application) } } : {}),
    commands: tools.commands,
    evidence: placed(context, read, [
      ...[file, ...application.evidence, ...manager.evidence],
      ...[...version.evidence, ...tools.evidence],
    ]),
    warnings: [...manager.warnings, ...application.warnings, ...tools.warnings],
  }
  const blocked: Reason[] = [...(manager.blocked ? [manager.blocked] : []), ...tools.blocked]
  if (outcome.kind === 'blocked') blocked.push(outcome.reason)
  if (outcome.kind === 'none') blocked.push(await nothingToStart(context, manager, file))
  const unbuilt = await missingBuild(context, manifest, application, draft.commands)
  if (unbuilt) blocked.push(unbuilt)
  const network = await networkOf(context, application)
  if (network && 'reason' in network) blocked.push(network.reason)
  const [first, ...rest] = blocked
  const ready = network && 'network' in network ? network : null
  if (ready?.evidence) draft.evidence.push(ready.evidence)
  if (first !== undefined) return { blocked: [first, ...rest], draft }
  return { ...draft, artifact: artifactOf(context, manager, application), network: ready!.network }
}

/** Nothing says what to run: in this package, or, where the search ended here for want of another, in none of the workspace. */
async function nothingToStart(context: PlannerContext, { workspace }: PackageManager, file: Evidence): Promise<Reason> {
  const overridePath = [
    { action: 'Set how the application starts.', profileField: 'runtime.startCommand', example: 'node server.js' },
    { action: 'Or set the directory to serve.', profileField: 'runtime.publishDirectory', example: 'dist' },
  ]
  const { source, root } = context
  const members =
    workspace === null || source.baseDirectory !== undefined ? [] : (await membersOf(root, workspace)).members
  if (members.length > 0)
    return reason('missing-start-intent', {
      message: `None of the packages of ${workspace!.file} has a start script, a framework or a server file: ${members
        .slice(0, 20)
        .map((one) => one.directory)
        .join(', ')}.`,
      evidence: members.slice(0, 20).map((one) => ({ kind: 'workspace', file: one.file, signal: 'package' })),
      fixPath: [{ action: 'Add a start script to the package that is the application.' }],
      overridePath,
    })
  return reason('missing-start-intent', {
    message: `${file.file} has no start script, no framework and no server file: nothing says what to run.`,
    evidence: [file],
    overridePath,
  })
}

/** A start that runs a file of a build output that the source does not hold, where no command writes it. */
async function missingBuild(
  context: PlannerContext,
  manifest: Manifest,
  { outcome }: Application,
  commands: PlanDraft['commands'],
): Promise<Reason | null> {
  if (outcome.kind !== 'server' || outcome.start.from === 'profile' || commands.build || commands.package) return null
  const entry = entryOf(outcome.line)
  if (entry === undefined || !isOutput(entry) || (await resolveFile(context, entry)) !== null) return null
  const hooks = ['prestart', 'preinstall', 'postinstall', 'prepare', 'heroku-postbuild']
  if (outcome.line.includes('&&') || hooks.some((name) => manifest.scripts[name] !== undefined)) return null
  const evidence = [fact(context, 'script', 'package.json', outcome.signal, shown(outcome.line))]
  return reason('missing-build-intent', {
    message: `${outcome.signal} runs ${shown(entry)}, which the source does not hold, and no build script writes it.`,
    evidence,
    overridePath: [
      { action: 'Set the command that builds it.', profileField: 'runtime.buildCommand', example: 'npx tsc' },
    ],
  })
}

function modeOf({ outcome }: Application): { mode?: 'server' | 'static' | 'spa' } {
  if (outcome.kind === 'server') return { mode: 'server' }
  return outcome.kind === 'static' ? { mode: outcome.spaFallback ? 'spa' : 'static' } : {}
}

function artifactOf(context: PlannerContext, manager: PackageManager, { outcome }: Application): Artifact {
  if (outcome.kind === 'static') {
    const { publishDirectory, spaFallback } = outcome
    // A workspace is installed at its root, also where one of its packages is a site.
    const above = posix.normalize(manager.installDirectory) !== posix.normalize(context.baseDirectory)
    const install = above ? { installDirectory: manager.installDirectory } : {}
    return { kind: 'static-site', publishDirectory, spaFallback, ...install }
  }
  return {
    kind: 'workspace',
    installDirectory: manager.installDirectory,
    workingDirectory: context.baseDirectory,
  }
}

type Network = { network: PlanDraft['network']; evidence?: PlanDraft['evidence'][number] } | { reason: Reason }

async function networkOf(context: PlannerContext, { outcome }: Application): Promise<Network | null> {
  if (outcome.kind === 'static') return { network: { internalPort: 80, from: 'planner', honoursPort: true } }
  if (outcome.kind !== 'server') return null
  const { network } = context.profiles
  if (network.internalPort !== undefined)
    return {
      network: { internalPort: network.internalPort, from: 'profile', honoursPort: network.honoursPort ?? true },
      evidence: { kind: 'profile', signal: 'network.internalPort', value: network.internalPort },
    }
  if (network.exposure === 'none') return { network: { from: 'none', honoursPort: network.honoursPort ?? true } }
  const { honoured, fixed } = await findPort(context, outcome.line, {
    signal: outcome.signal,
    ...(outcome.port === undefined ? {} : { own: outcome.port }),
  })
  if (honoured)
    return {
      network: { internalPort: honoured.port, from: 'planner', honoursPort: network.honoursPort ?? true },
      evidence: honoured.evidence,
    }
  if (fixed && network.honoursPort === false)
    return { network: { internalPort: fixed.port, from: 'planner', honoursPort: false }, evidence: fixed.evidence }
  const example = String(fixed?.port ?? 3000)
  return {
    reason: reason('missing-internal-port', {
      message: fixed
        ? `The application seems to listen on ${example} whatever PORT says, and nothing proves that it honours PORT.`
        : `Nothing in what ${outcome.signal} starts proves on which port the application listens.`,
      evidence: fixed ? [fixed.evidence] : [],
      fixPath: [{ action: 'Listen where PORT says.', example: `process.env.PORT ?? ${example}` }],
      overridePath: [
        { action: 'Set the port on which it listens.', profileField: 'network.internalPort', example },
        {
          action: 'Where it listens on that port whatever PORT says, set this too.',
          profileField: 'network.honoursPort',
          example: 'false',
        },
      ],
    }),
  }
}
