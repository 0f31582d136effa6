import type { Plan, PlanStep } from './plan.js'
import { type Reason, reason } from './reasons.js'
import type { ReleaseRecord } from './release.js'
import type { TargetCapabilities } from './target.js'

// What targets say in the same words where they describe a plan.

/** The commands that a target runs itself to build. */
export function commandSteps({ commands }: Plan): PlanStep[] {
  const built = { step: 'build', when: 'unless-cached', reversible: true } as const
  return [
    ...(commands.install ? [{ ...built, id: 'build.install', title: 'Install dependencies' }] : []),
    ...(commands.build ? [{ ...built, id: 'build.build', title: 'Build' }] : []),
    ...(commands.package ? [{ ...built, id: 'build.package', title: 'Package' }] : []),
  ]
}

/** @param title how it is run */
export const releaseCommandSteps = ({ commands }: Plan, title: string): PlanStep[] =>
  commands.release ? [{ id: 'release-command', step: 'release-command', title, when: 'always', reversible: false }] : []

/** start and route. @param title what is started */
export function startSteps(plan: Plan, previous: ReleaseRecord | undefined, title: string): PlanStep[] {
  const { exposure } = plan.network
  const overlaps = exposure !== 'direct-port' && plan.overlap
  const after = previous === undefined || overlaps ? '' : ', after the running one has stopped'
  const usual = { when: 'always', reversible: true } as const
  return [
    { ...usual, id: 'start', step: 'start', title: `${title}${after}` },
    ...(exposure === 'proxy' ? [{ ...usual, id: 'route', step: 'route', title: 'Stage the routes' } as const] : []),
  ]
}

/** Why a target cannot run a plan, collected. */
export class Refusals {
  readonly reasons: Reason[] = []

  /** @param runner who cannot run it: `Local processes`, `This target` */
  constructor({ artifact, network }: Plan, capabilities: TargetCapabilities, runner: string) {
    if (!capabilities.artifactKinds.includes(artifact.kind))
      this.add(`${runner} cannot run an artifact of the kind ${artifact.kind}.`)
    if (!capabilities.exposures.includes(network.exposure))
      this.add(
        `This target was composed without a proxy and cannot offer the exposure ${network.exposure}.`,
        'network.exposure',
      )
  }

  add(message: string, affectedProfileField?: string): void {
    this.reasons.push(
      reason('unsupported-runtime-target', { message, ...(affectedProfileField ? { affectedProfileField } : {}) }),
    )
  }
}
