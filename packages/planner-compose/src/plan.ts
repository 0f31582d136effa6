import type { Blocked, PlanDraft, PlannerContext } from '@appaloft/core/spec'
import { profileEvidence } from './detect.js'
import { fact, lifted } from './evidence.js'
import { examine } from './examine.js'
import { chooseFiles } from './files.js'
import { warningsOf } from './warnings.js'

/** Writes the plan of a Compose project: its files, the services that start, and the one that takes the traffic. */
export async function plan(context: PlannerContext): Promise<PlanDraft | Blocked> {
  const { profiles } = context
  const { runtime, network } = profiles
  const chosen = await chooseFiles(context)
  const { project, served, port, problem, evidence } = await examine(context, chosen)
  const commands: PlanDraft['commands'] = {}
  if (runtime.releaseCommand !== undefined) commands.release = { command: runtime.releaseCommand, from: 'profile' }
  // It replaces the command of the service that takes the traffic.
  if (runtime.startCommand !== undefined) commands.start = { command: runtime.startCommand, from: 'profile' }
  const draft = {
    commands,
    evidence: [...profileEvidence(context), ...evidence, ...(served === undefined ? [] : lifted(served))],
    warnings: project === undefined ? [] : warningsOf(context, project, served),
  }
  if (problem !== undefined) return { blocked: [problem], draft }
  const internal = network.internalPort ?? port?.port
  if (network.internalPort !== undefined)
    draft.evidence.push(fact('profile', undefined, 'network.internalPort', network.internalPort))
  else if (internal !== undefined && served !== undefined)
    draft.evidence.push(
      fact('config', served.at.file, `services.${served.name}.${port?.from ?? 'ports'}`, { port: internal }),
    )
  const target = served === undefined ? {} : { targetServiceName: served.name }
  return {
    ...draft,
    artifact: {
      kind: 'compose-project',
      composeFiles: [...(project?.files ?? [])],
      services: project?.services.map(({ name }) => name) ?? [],
      ...target,
    },
    network: {
      ...(internal === undefined ? {} : { internalPort: internal }),
      from: network.internalPort !== undefined ? 'profile' : internal === undefined ? 'none' : 'planner',
      // Containers have networks of their own, so that PORT can say where the service listens anyway.
      honoursPort: network.honoursPort ?? true,
      ...target,
    },
  }
}
