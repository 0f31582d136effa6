import { posix } from 'node:path'
import {
  type Plan,
  type PlanStep,
  type Reason,
  type ReleaseRecord,
  reason,
  type TargetCapabilities,
  type TargetDescription,
} from '@appaloft/core/spec'
import { dockerfileFor } from './build/dockerfile.js'
import { buildVariables } from './build/words.js'
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
    steps: stepsOf(plan, previous),
    generatedFiles: generated === null ? [] : [{ path: 'Dockerfile', content: generated }],
    warnings: warningsOf(plan),
    unsupportedReasons,
  }
}

function stepsOf(plan: Plan, previous: ReleaseRecord | undefined): PlanStep[] {
  const { commands, network, artifact } = plan
  const built = { step: 'build', when: 'unless-cached', reversible: true } as const
  const steps: PlanStep[] = []
  if (artifact.kind === 'image') steps.push({ ...built, id: 'build.pull', title: `Pull ${artifact.image}` })
  else if (artifact.kind === 'compose-project') steps.push(...buildSteps(artifact))
  else if (artifact.kind === 'dockerfile')
    steps.push({ ...built, id: 'build.image', title: `Build the image of ${artifact.dockerfilePath}` })
  else {
    if (commands.install) steps.push({ ...built, id: 'build.install', title: 'Install dependencies' })
    if (commands.build) steps.push({ ...built, id: 'build.build', title: 'Build' })
    if (commands.package) steps.push({ ...built, id: 'build.package', title: 'Package' })
    const title =
      artifact.kind === 'static-site'
        ? `Make an image of what is in ${artifact.publishDirectory}`
        : 'Make the image of the release'
    steps.push({ ...built, id: 'build.image', title })
  }
  if (commands.release)
    steps.push({
      id: 'release-command',
      step: 'release-command',
      title: 'Run the release command in a container of its own',
      when: 'always',
      reversible: false,
    })
  if (artifact.kind === 'compose-project') steps.push(...serviceSteps(artifact))
  const overlaps = network.exposure !== 'direct-port' && plan.overlap
  const after = previous === undefined || overlaps ? '' : ', after the running one has stopped'
  const what = plan.replicas > 1 ? `${plan.replicas} containers` : 'a container'
  steps.push({ id: 'start', step: 'start', title: `Start ${what}${after}`, when: 'always', reversible: true })
  if (network.exposure === 'proxy')
    steps.push({ id: 'route', step: 'route', title: 'Stage the routes', when: 'always', reversible: true })
  return steps
}

function warningsOf(plan: Plan): Reason[] {
  const { network, volumes, binds } = plan
  if (network.exposure !== 'proxy' || !plan.overlap) return [reason('no-overlap')]
  const written = [...volumes, ...binds].some((one) => one.readOnly !== true)
  return written ? [reason('shared-volume-overlap')] : []
}

function unsupportedOf(plan: Plan, capabilities: TargetCapabilities): Reason[] {
  const refused: Reason[] = []
  const refuse = (message: string, affectedProfileField?: string) => {
    refused.push(
      reason('unsupported-runtime-target', { message, ...(affectedProfileField ? { affectedProfileField } : {}) }),
    )
  }
  const { artifact, network, volumes, binds, replicas } = plan
  if (!capabilities.artifactKinds.includes(artifact.kind))
    refuse(`This target does not run an artifact of the kind ${artifact.kind}.`)
  if (!capabilities.exposures.includes(network.exposure))
    refuse(
      `This target was composed without a proxy and cannot offer the exposure ${network.exposure}.`,
      'network.exposure',
    )
  const unfit = volumes.find((volume) => !volumePathFits(plan, volume.path))
  if (unfit !== undefined)
    refuse(
      `The volume path ${unfit.path} must be absolute${artifact.kind === 'workspace' ? ', or lie inside the working directory' : ''}.`,
      'volumes',
    )
  if (artifact.kind === 'static-site' && (volumes.length > 0 || binds.length > 0))
    refuse('A static site has no volumes.', volumes.length > 0 ? 'volumes' : 'binds')
  const bind = binds.find((one) => !posix.isAbsolute(one.source) || !posix.isAbsolute(one.path))
  if (bind !== undefined) refuse(`The bind of ${bind.source} must name absolute paths.`, 'binds')
  if (artifact.kind === 'static-site' && network.internalPort !== undefined && network.internalPort !== 80)
    refuse('Static sites are served on port 80 of their container.', 'network.internalPort')
  if (replicas > 1 && network.exposure === 'direct-port')
    refuse('Several instances cannot share a port of the machine.', 'runtime.replicas')
  return refused
}
