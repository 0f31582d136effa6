import type { Blocked, PlanDraft, PlannedCommand, PlannerContext, Reason } from '@appaloft/core/spec'
import { evidenceOf } from './detect.js'
import { imageFacts } from './facts.js'
import { invalid, missingSources } from './faults.js'
import { type Located, locate } from './find.js'
import { missingPort, networkOf } from './port.js'
import { type Reading, readAt } from './reading.js'
import { contradiction, developmentStage, noSuchStage, notFound, nothingStarts, shellFirst } from './reasons.js'
import { secretReason } from './secrets.js'
import { isDevelopment } from './target.js'

type Draft = Pick<PlanDraft, 'commands' | 'evidence' | 'warnings'>

/** The plan of a Dockerfile: which file, which stage, which folder, which port. What is blocked says why, and shows the rest. */
export async function plan(context: PlannerContext): Promise<PlanDraft | Blocked> {
  const located = await locate(context)
  const draft: Draft = { commands: commandsOf(context), evidence: evidenceOf(context, located), warnings: [] }
  const against = contradiction(context)
  if (located.file === null) return { blocked: [...against, notFound(context, located)] as Blocked['blocked'], draft }
  const reading = await readAt(context, located.file)
  draft.evidence.push(...imageFacts(reading))
  const blocked = [...against, ...blockers(context, located, reading)]
  if (reading.target !== null && reading.build !== null) draft.warnings.push(...warningsOf(context, reading))
  const network = networkOf(context, reading)
  if (network === null && blocked.length === against.length) blocked.push(missingPort(context, reading))
  const [first, ...rest] = blocked
  if (first !== undefined || network === null) return { blocked: [first!, ...rest], draft }
  return { ...draft, artifact: artifactOf(context, reading), network }
}

/** In the order in which a builder would meet them; the port is asked for only where the rest holds. */
function blockers(context: PlannerContext, located: Located, reading: Reading): Reason[] {
  const { file, target, build, foreign } = reading
  if (foreign) return []
  if (file.faults.length > 0) return [invalid(context, located, reading, file.faults)]
  if (target === null || build === null) return [noSuchStage(context, reading)]
  if (!isLast(reading) && target.name === undefined) return [noSuchStage(context, reading)]
  if (build.faults.length > 0) return [invalid(context, located, reading, build.faults)]
  const reasons: Reason[] = []
  if (reading.context.missing.length > 0) reasons.push(missingSources(context, located, reading))
  const secret = secretReason(context, reading.path, build)
  if (secret !== null) reasons.push(secret)
  const { base, cmd, entrypoint } = build.image
  const starts = cmd !== null || entrypoint !== null || context.profiles.runtime.startCommand !== undefined
  if (base === 'scratch' && !starts) reasons.push(nothingStarts(reading))
  return reasons
}

const isLast = ({ file, target }: Reading): boolean => target !== null && target.index === file.stages.length - 1

function warningsOf(context: PlannerContext, reading: Reading): Reason[] {
  const { startCommand, buildTarget } = context.profiles.runtime
  const shell = startCommand === undefined ? shellFirst(reading) : null
  return [
    ...(buildTarget === undefined && isDevelopment(reading.target!) ? [developmentStage(reading)] : []),
    ...(shell === null ? [] : [shell]),
  ]
}

/** Only what the profile says: the Dockerfile holds the rest. */
function commandsOf({ profiles: { runtime } }: PlannerContext): PlanDraft['commands'] {
  const command = (given: PlannedCommand['command']): PlannedCommand => ({ command: given, from: 'profile' })
  return {
    ...(runtime.releaseCommand === undefined ? {} : { release: command(runtime.releaseCommand) }),
    ...(runtime.startCommand === undefined ? {} : { start: command(runtime.startCommand) }),
  }
}

function artifactOf({ profiles: { runtime } }: PlannerContext, reading: Reading): PlanDraft['artifact'] {
  const { path, target, context, foreign } = reading
  // A file for another builder has stages of its own kind, if any.
  const name = foreign ? runtime.buildTarget : runtime.buildTarget === undefined ? undefined : target?.name
  return {
    kind: 'dockerfile',
    dockerfilePath: path,
    context: context.directory,
    ...(name === undefined ? {} : { buildTarget: name }),
    ...(runtime.buildArgs === undefined ? {} : { buildArgs: runtime.buildArgs }),
  }
}
