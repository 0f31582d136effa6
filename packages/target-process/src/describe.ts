import process from 'node:process'
import {
  type Plan,
  type PlanStep,
  type Reason,
  type ReleaseRecord,
  reason,
  type TargetCapabilities,
  type TargetDescription,
} from '@appaloft/core/spec'
import { managerOf } from './build/package-manager.js'
import { versionFits } from './versions.js'
import { volumePathFits } from './volumes.js'

/** What this target would do with a plan. Pure: the machine is asked nothing but the version of the Node that runs this. */
export function describe(
  plan: Plan,
  capabilities: TargetCapabilities,
  previous: ReleaseRecord | undefined,
): TargetDescription {
  return {
    steps: stepsOf(plan, previous),
    generatedFiles: [],
    warnings: warningsOf(plan),
    unsupportedReasons: unsupportedOf(plan, capabilities),
  }
}

function stepsOf(plan: Plan, previous: ReleaseRecord | undefined): PlanStep[] {
  const { commands, network, artifact } = plan
  const built = { step: 'build', when: 'unless-cached', reversible: true } as const
  const steps: PlanStep[] = [{ ...built, id: 'build.copy', title: 'Copy the source into a build folder' }]
  const manager = commands.install || commands.build || commands.package ? managerOf(plan) : null
  if (manager !== null)
    steps.push({ ...built, id: 'build.manager', title: `Fetch ${manager.spec}, unless ${manager.program} is here` })
  if (commands.install) steps.push({ ...built, id: 'build.install', title: 'Install dependencies' })
  if (commands.build) steps.push({ ...built, id: 'build.build', title: 'Build' })
  if (commands.package) steps.push({ ...built, id: 'build.package', title: 'Package' })
  if (artifact.kind === 'static-site')
    steps.push({ ...built, id: 'build.publish', title: `Keep what is in ${artifact.publishDirectory}` })
  if (commands.release)
    steps.push({
      id: 'release-command',
      step: 'release-command',
      title: 'Run the release command',
      when: 'always',
      reversible: false,
    })
  const title = artifact.kind === 'static-site' ? 'Serve the files on a free port' : 'Start the release'
  const overlaps = network.exposure !== 'direct-port' && plan.overlap
  const after = previous === undefined || overlaps ? '' : ', after the running one has stopped'
  steps.push({ id: 'start', step: 'start', title: `${title}${after}`, when: 'always', reversible: true })
  if (network.exposure === 'proxy')
    steps.push({ id: 'route', step: 'route', title: 'Stage the routes', when: 'always', reversible: true })
  return steps
}

function warningsOf(plan: Plan): Reason[] {
  const { network, runtime, volumes, artifact } = plan
  const warnings: Reason[] = []
  const listensAnywhere = network.honoursPort || artifact.kind === 'static-site'
  if (network.exposure !== 'proxy' || !plan.overlap || !listensAnywhere)
    warnings.push(noOverlap(network, listensAnywhere))
  else if (volumes.some((volume) => volume.readOnly !== true))
    warnings.push(reason('shared-volume-overlap', way('runtime.overlap', 'false')))
  if (runtime?.family === 'node' && versionFits(process.version, runtime.version) === false)
    warnings.push(
      reason('runtime-version-mismatch', {
        message: `The source asks for Node ${runtime.version}, and this machine runs ${process.version.slice(1)}.`,
        evidence: [{ kind: 'process', signal: 'process.version', value: process.version.slice(1) }],
        ...way('runtime.runtimeVersion', process.version.slice(1).replace(/\..*/, '')),
      }),
    )
  return warnings
}

const way = (profileField: string, example: string) => ({
  overridePath: [{ action: `Set ${profileField}.`, profileField, example }],
})

/** The field that keeps two releases from serving at once. */
function noOverlap({ exposure }: Plan['network'], listensAnywhere: boolean): Reason {
  if (exposure !== 'proxy') return reason('no-overlap', way('network.exposure', 'proxy'))
  if (!listensAnywhere)
    return reason('no-overlap', {
      message: 'The application listens on a fixed port: the old release stops before the new one starts.',
      fixPath: [{ action: 'Listen where PORT says.', example: 'process.env.PORT ?? 3000' }],
      ...way('network.honoursPort', 'true'),
      affectedProfileField: 'network.honoursPort',
    })
  return reason('no-overlap', { ...way('runtime.overlap', 'true'), affectedProfileField: 'runtime.overlap' })
}

function unsupportedOf(plan: Plan, capabilities: TargetCapabilities): Reason[] {
  const refused: Reason[] = []
  const refuse = (message: string, affectedProfileField?: string) => {
    refused.push(
      reason('unsupported-runtime-target', { message, ...(affectedProfileField ? { affectedProfileField } : {}) }),
    )
  }
  const { artifact, network, resources, volumes, binds, replicas } = plan
  if (!capabilities.artifactKinds.includes(artifact.kind))
    refuse(`Local processes cannot run an artifact of the kind ${artifact.kind}.`)
  if (!capabilities.exposures.includes(network.exposure))
    refuse(
      `This target was composed without a proxy and cannot offer the exposure ${network.exposure}.`,
      'network.exposure',
    )
  if (resources.cpus !== undefined || resources.memoryMiB !== undefined)
    refuse('Local processes run without limits of CPU and memory.', 'runtime.resources')
  if (binds.length > 0) refuse('Local processes see the machine’s own files: there is nothing to bind.', 'binds')
  const unfit = volumes.find((volume) => !volumePathFits(volume.path))
  if (unfit !== undefined)
    refuse(`The volume path ${unfit.path} must be relative and lie inside the working directory.`, 'volumes')
  else if (volumes.length > 0 && artifact.kind === 'static-site') refuse('A static site has no volumes.', 'volumes')
  if (volumes.some((volume) => volume.readOnly === true))
    refuse('A local process cannot be kept from writing to a volume.', 'volumes')
  const sharesPort = network.exposure === 'direct-port' || (network.exposure === 'proxy' && !network.honoursPort)
  if (replicas > 1 && sharesPort && artifact.kind !== 'static-site')
    refuse('Several instances need a port each, and this application listens on a fixed one.', 'runtime.replicas')
  return refused
}
