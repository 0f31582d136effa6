import type { Plan, PlanStep } from '@appaloft/core/spec'

type Project = Extract<Plan['artifact'], { kind: 'compose-project' }>

export const buildSteps = ({ composeFiles }: Project): PlanStep[] => [
  {
    id: 'build.images',
    step: 'build',
    title: `Resolve ${composeFiles.join(' with ')}, and pull or build the images`,
    when: 'unless-cached',
    reversible: true,
  },
]

/** Volumes that they write to stay as they are, whatever becomes of the deployment. */
export const serviceSteps = ({ services, targetServiceName }: Project): PlanStep[] =>
  services
    .filter((name) => name !== targetServiceName)
    .map((name) => ({
      id: `start.${name}`,
      step: 'start',
      title: `Replace ${name} where it changed, in place, or run it to its end`,
      when: 'if-changed',
      reversible: true,
    }))
