import {
  type Blocked,
  isImageReferenceFault,
  type PlanDraft,
  type PlannedCommand,
  type PlannerContext,
  parseImageReference,
  type Reason,
  reason,
} from '@appaloft/core/spec'
import { referenceFacts, shown } from './facts.js'
import { buildFields } from './options.js'

/** The plan of an image: what is pulled from where, and the port that the profile names. */
export async function plan(context: PlannerContext): Promise<PlanDraft | Blocked> {
  const { source, profiles } = context
  const image = source.kind === 'docker-image' ? source.image : ''
  const reference = parseImageReference(image)
  const draft: Pick<PlanDraft, 'commands' | 'evidence' | 'warnings'> = {
    commands: commandsOf(context),
    evidence: isImageReferenceFault(reference) ? [] : referenceFacts(reference),
    warnings: [],
  }
  const { network } = profiles
  const blocked: Reason[] = []
  if (isImageReferenceFault(reference)) blocked.push(invalid(image, reference))
  blocked.push(...contradictions(context))
  if (network.internalPort === undefined && network.exposure !== 'none') blocked.push(missingPort(image))
  const [first, ...rest] = blocked
  if (first !== undefined) return { blocked: [first, ...rest], draft }
  return { ...draft, artifact: { kind: 'image', image }, network: networkOf(context) }
}

function networkOf({ profiles: { network } }: PlannerContext): PlanDraft['network'] {
  // A container is given its port as PORT too, and that is the one it listens on.
  const honoursPort = network.honoursPort ?? true
  return network.internalPort === undefined
    ? { from: 'none', honoursPort }
    : { internalPort: network.internalPort, from: 'profile', honoursPort }
}

function commandsOf({ profiles: { runtime } }: PlannerContext): PlanDraft['commands'] {
  const command = (given: PlannedCommand['command']): PlannedCommand => ({ command: given, from: 'profile' })
  return {
    ...(runtime.releaseCommand === undefined ? {} : { release: command(runtime.releaseCommand) }),
    ...(runtime.startCommand === undefined ? {} : { start: command(runtime.startCommand) }),
  }
}

function invalid(image: string, { fault, suggestion }: { fault: string; suggestion?: string }): Reason {
  const example = suggestion === undefined ? {} : { example: suggestion }
  return reason('image-reference-invalid', {
    message: `${JSON.stringify(shown(image))} is no image reference. ${fault}`,
    evidence: [{ kind: 'image', signal: 'source.image', value: shown(image) }],
    fixPath: [{ action: 'Write it as [registry/]name[:tag][@digest].', ...example }],
    overridePath: [{ action: 'Set the reference.', profileField: 'source.image', ...example }],
    affectedProfileField: 'source.image',
  })
}

function contradictions({ profiles: { runtime } }: PlannerContext): Reason[] {
  const fields = buildFields.filter((name) => runtime[name] !== undefined).map((name) => `runtime.${name}`)
  const [first] = fields
  if (first === undefined) return []
  return [
    reason('incompatible-source-strategy', {
      message: `An image is built already, and leaves no place for ${fields.join(', ')}.`,
      evidence: fields.map((signal) => ({ kind: 'profile', signal })),
      fixPath: [{ action: 'Name the source that it is built from instead of the image.' }],
      overridePath: fields.map((profileField) => ({ action: `Remove ${profileField}.`, profileField })),
      affectedProfileField: first,
    }),
  ]
}

const missingPort = (image: string): Reason =>
  reason('missing-internal-port', {
    message: `Nothing in the reference ${JSON.stringify(shown(image))} says on which port the application listens, and no registry is asked.`,
    evidence: [{ kind: 'image', signal: 'source.image', value: shown(image) }],
    fixPath: [{ action: 'Read in the documentation of the image, or in its EXPOSE, on which port it listens.' }],
    overridePath: [
      { action: 'Set the port on which it listens.', profileField: 'network.internalPort', example: '8080' },
      { action: 'Or, where it takes no traffic, say so.', profileField: 'network.exposure', example: 'none' },
    ],
  })
