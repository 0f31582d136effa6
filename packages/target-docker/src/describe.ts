import { posix } from 'node:path'
import {
  commandSteps,
  type Plan,
  type PlanStep,
  type Reason,
  Refusals,
  type ReleaseRecord,
  reason,
  releaseCommandSteps,
  startSteps,
  type TargetCapabilities,
  type TargetDescription,
} from '@appaloft/core/spec'
import { dockerfileFor } from './build/dockerfile.js'
import { buildVariables } from './build/words.js'
import type { BuildPlace, Repository } from './builder/options.js'
import { buildSteps, serviceSteps } from './compose/describe.js'
import { volumePathFits } from './containers/place.js'
import type { Settings } from './options.js'

/** What this target would do with a plan. Pure: neither the engine nor a registry is asked. */
export function describe(
  plan: Plan,
  capabilities: TargetCapabilities,
  settings: Settings,
  previous: ReleaseRecord | undefined,
): TargetDescription {
  const unsupportedReasons = unsupportedOf(plan, capabilities)
  const generated = unsupportedReasons.length > 0 ? null : dockerfileFor(plan, settings, buildVariables(plan))
  return {
    steps: stepsOf(plan, previous, settings.build),
    generatedFiles: generated === null ? [] : [{ path: 'Dockerfile', content: generated }],
    warnings: warningsOf(plan),
    unsupportedReasons,
  }
}

function stepsOf(plan: Plan, previous: ReleaseRecord | undefined, place: BuildPlace): PlanStep[] {
  const { artifact } = plan
  const built = { step: 'build', when: 'unless-cached', reversible: true } as const
  const steps: PlanStep[] = []
  if (artifact.kind === 'image') steps.push({ ...built, id: 'build.pull', title: `Pull ${artifact.image}` })
  else if (artifact.kind === 'compose-project') steps.push(...buildSteps(artifact))
  else if (artifact.kind === 'dockerfile')
    steps.push({ ...built, id: 'build.image', title: `Build the image of ${artifact.dockerfilePath}` })
  else {
    steps.push(...commandSteps(plan))
    const title =
      artifact.kind === 'static-site'
        ? `Make an image of what is in ${artifact.publishDirectory}`
        : 'Make the image of the release'
    steps.push({ ...built, id: 'build.image', title })
  }
  const through = place?.repository ?? null
  // With a registry between them the engine that runs an image pulls it itself.
  if (place !== null && (artifact.kind !== 'image' || through === null)) steps.push(...sent(steps.splice(0), through))
  steps.push(...releaseCommandSteps(plan, 'Run the release command in a container of its own'))
  if (artifact.kind === 'compose-project') steps.push(...serviceSteps(artifact))
  const what = plan.replicas > 1 ? `${plan.replicas} containers` : 'a container'
  steps.push(...startSteps(plan, previous, `Start ${what}`))
  return steps
}

function warningsOf(plan: Plan): Reason[] {
  const { network, volumes, binds } = plan
  if (network.exposure !== 'proxy' || !plan.overlap) return [reason('no-overlap')]
  const written = [...volumes, ...binds].some((one) => one.readOnly !== true)
  return written ? [reason('shared-volume-overlap')] : []
}

/** What is made on another engine comes over. */
const sent = (made: readonly PlanStep[], through: Repository | null): PlanStep[] => [
  ...made.map((one) => ({ ...one, title: `${one.title}, on the engine that builds` })),
  {
    id: 'upload.image',
    step: 'upload',
    title:
      through === null
        ? 'Send the layers that the machine lacks'
        : `Push to ${through.name}, and pull from there on the machine`,
    when: 'if-changed',
    reversible: true,
  },
]

function unsupportedOf(plan: Plan, capabilities: TargetCapabilities): Reason[] {
  const refused = new Refusals(plan, capabilities, 'This target')
  const { artifact, network, volumes, binds, replicas } = plan
  const unfit = volumes.find((volume) => !volumePathFits(plan, volume.path))
  if (unfit !== undefined)
    refused.add(
      `The volume path ${unfit.path} must be absolute${artifact.kind === 'workspace' ? ', or lie inside the working directory' : ''}.`,
      'volumes',
    )
  if (artifact.kind === 'static-site' && (volumes.length > 0 || binds.length > 0))
    refused.add('A static site has no volumes.', volumes.length > 0 ? 'volumes' : 'binds')
  const bind = binds.find((one) => !posix.isAbsolute(one.source) || !posix.isAbsolute(one.path))
  if (bind !== undefined) refused.add(`The bind of ${bind.source} must name absolute paths.`, 'binds')
  if (artifact.kind === 'static-site' && network.internalPort !== undefined && network.internalPort !== 80)
    refused.add('Static sites are served on port 80 of their container.', 'network.internalPort')
  if (replicas > 1 && network.exposure === 'direct-port')
    refused.add('Several instances cannot share a port of the machine.', 'runtime.replicas')
  return refused.reasons
}
