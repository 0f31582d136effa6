import process from 'node:process'
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
  const { commands, artifact } = plan
  const built = { step: 'build', when: 'unless-cached', reversible: true } as const
  const steps: PlanStep[] = [{ ...built, id: 'build.copy', title: 'Copy the source into a build folder' }]
  const manager = commands.install || commands.build || commands.package ? managerOf(plan) : null
  if (manager !== null)
    steps.push({ ...built, id: 'build.manager', title: `Fetch ${manager.spec}, unless ${manager.program} is here` })
  steps.push(...commandSteps(plan))
  if (artifact.kind === 'static-site')
    steps.push({ ...built, id: 'build.publish', title: `Keep what is in ${artifact.publishDirectory}` })
  steps.push(...releaseCommandSteps(plan, 'Run the release command'))
  const title = artifact.kind === 'static-site' ? 'Serve the files on a free port' : 'Start the release'
  steps.push(...startSteps(plan, previous, title))
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
  const refused = new Refusals(plan, capabilities, 'Local processes')
  const { artifact, network, resources, volumes, binds, replicas } = plan
  if (resources.cpus !== undefined || resources.memoryMiB !== undefined)
    refused.add('Local processes run without limits of CPU and memory.', 'runtime.resources')
  if (binds.length > 0) refused.add('Local processes see the machine’s own files: there is nothing to bind.', 'binds')
  const unfit = volumes.find((volume) => !volumePathFits(volume.path))
  if (unfit !== undefined)
    refused.add(`The volume path ${unfit.path} must be relative and lie inside the working directory.`, 'volumes')
  else if (volumes.length > 0 && artifact.kind === 'static-site')
    refused.add('A static site has no volumes.', 'volumes')
  if (volumes.some((volume) => volume.readOnly === true))
    refused.add('A local process cannot be kept from writing to a volume.', 'volumes')
  const sharesPort = network.exposure === 'direct-port' || (network.exposure === 'proxy' && !network.honoursPort)
  if (replicas > 1 && sharesPort && artifact.kind !== 'static-site')
    refused.add('Several instances need a port each, and this application listens on a fixed one.', 'runtime.replicas')
  return refused.reasons
}
