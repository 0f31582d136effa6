import type { Claim, PlanDraft, Planner, PlannerContext } from '../spec/planner.js'
import type { Command } from '../spec/profiles.js'
import { type Reason, reason } from '../spec/reasons.js'

const key = 'custom'
/** The number is a name on targets without networks of their own; elsewhere it is what PORT says. */
const portWithoutDefault = 3000

const shown = (command: Command): string => (typeof command === 'string' ? command : command.join(' ')).slice(0, 200)

/**
 * Plans what the profile says alone, where the profile says how to start and no planner recognises the source: whatever the language,
 * the machine must have what the commands need. Never asked beside a planner's claim.
 */
export const custom: Planner = {
  specVersion: 1,
  key,
  async detect({ profiles: { runtime }, source, tree }) {
    if (runtime.startCommand === undefined || (runtime.planner !== undefined && runtime.planner !== key)) return null
    if (source.kind === 'docker-image' || source.kind === 'compose-file') return null
    if ((await tree.list()).length === 0) return null
    return {
      basis: 'explicit',
      supportTier: 'explicit-custom',
      reason: 'No planner recognises the source; the profile says how it is started.',
      evidence: evidenceOf(runtime.startCommand),
      artifactKind: 'workspace',
    }
  },
  async plan(context) {
    const { runtime, network } = context.profiles
    const draft = {
      runtime: { family: key, version: runtime.runtimeVersion ?? '*' },
      commands: commandsOf(context),
      evidence: evidenceOf(runtime.startCommand ?? ''),
      warnings: [],
    }
    const reasons = contradictions(context)
    const read = portOf(runtime.startCommand)
    const internalPort = network.internalPort ?? read
    if (internalPort === undefined && network.exposure !== 'none') reasons.push(missingPort(runtime.startCommand ?? ''))
    const [first, ...rest] = reasons
    if (first !== undefined) return { blocked: [first, ...rest], draft }
    return {
      ...draft,
      artifact: {
        kind: 'workspace',
        installDirectory: context.baseDirectory,
        workingDirectory: context.baseDirectory,
      },
      network: {
        ...(internalPort === undefined ? {} : { internalPort }),
        from: network.internalPort !== undefined ? 'profile' : internalPort === undefined ? 'none' : 'planner',
        honoursPort: network.honoursPort ?? true,
      },
    }
  },
}

const evidenceOf = (command: Command): Claim['evidence'] => [
  { kind: 'profile', signal: 'runtime.startCommand', value: shown(command) },
]

function commandsOf({ profiles: { runtime } }: PlannerContext): PlanDraft['commands'] {
  const { installCommand, buildCommand, packageCommand, releaseCommand, startCommand } = runtime
  const given = { install: installCommand, build: buildCommand, package: packageCommand, release: releaseCommand }
  return Object.fromEntries(
    Object.entries({ ...given, start: startCommand }).flatMap(([name, command]) =>
      command === undefined ? [] : [[name, { command, from: 'profile' as const }]],
    ),
  )
}

/** A command for the shell that hands PORT on proves that PORT is honoured. */
function portOf(command: Command | undefined): number | undefined {
  if (typeof command !== 'string') return undefined
  const [found, fallback] = /\$(?:PORT\b|\{PORT(?::?-(\d{1,5}))?\})/.exec(command) ?? []
  if (found === undefined) return undefined
  const number = Number(fallback)
  return number >= 1 && number <= 65_535 ? number : portWithoutDefault
}

const missingPort = (command: Command): Reason =>
  reason('missing-internal-port', {
    message: 'Nothing in the start command proves on which port the application listens.',
    evidence: evidenceOf(command),
    fixPath: [],
    overridePath: [
      { action: 'Set the port on which it listens.', profileField: 'network.internalPort', example: '8000' },
      {
        action: 'Or hand PORT on in the start command.',
        profileField: 'runtime.startCommand',
        example: `${shown(command)} --port $PORT`,
      },
    ],
  })

function contradictions({ profiles: { runtime } }: PlannerContext): Reason[] {
  const fields = (['publishDirectory', 'dockerfilePath', 'buildTarget', 'buildArgs', 'composeFiles'] as const).filter(
    (name) => runtime[name] !== undefined,
  )
  if (fields.length === 0) return []
  const named = fields.map((name) => `runtime.${name}`)
  return [
    reason('incompatible-source-strategy', {
      message: `${named.join(', ')} ${named.length === 1 ? 'contradicts' : 'contradict'} runtime.startCommand: the commands alone say what runs.`,
      evidence: named.map((signal) => ({ kind: 'profile', signal })),
      overridePath: named.map((profileField) => ({ action: `Remove ${profileField}.`, profileField })),
      affectedProfileField: named[0]!,
    }),
  ]
}
