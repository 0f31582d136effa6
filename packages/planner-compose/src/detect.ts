import type { Claim, Evidence, PlannerContext } from '@appaloft/core/spec'
import { fact } from './evidence.js'
import { examine } from './examine.js'
import { type Chosen, chooseFiles } from './files.js'
import { bounded } from './problem.js'

export const key = 'compose'

export const profileEvidence = ({ profiles: { runtime, network } }: PlannerContext): Evidence[] => [
  ...(runtime.planner === key ? [fact('profile', undefined, 'runtime.planner', key)] : []),
  ...(runtime.composeFiles === undefined
    ? []
    : [
        fact(
          'profile',
          undefined,
          'runtime.composeFiles',
          runtime.composeFiles.slice(0, 10).map((file) => bounded(file, 100)),
        ),
      ]),
  ...(network.targetServiceName === undefined
    ? []
    : [fact('profile', undefined, 'network.targetServiceName', bounded(network.targetServiceName, 100))]),
]

/**
 * Claims a directory with a Compose file, on the weakest basis: such a file often stands beside an application only for those who develop it.
 * Files or the planner named by the profile make the claim explicit.
 */
export async function detect(context: PlannerContext): Promise<Claim | null> {
  const { source, profiles } = context
  const { planner, composeFiles } = profiles.runtime
  if (planner !== undefined && planner !== key) return null
  if (source.kind === 'docker-image') return null
  const chosen = await chooseFiles(context)
  if (chosen === null && planner !== key) return null
  const explicit = planner === key || composeFiles !== undefined
  const { problem } = await examine(context, chosen)
  return {
    basis: explicit ? 'explicit' : 'compose',
    // What cannot be deployed as it is does not keep the search from what lies below.
    supportTier: problem === undefined ? 'container-native' : 'requires-override',
    reason: reasonOf(chosen, planner === key, problem?.message),
    evidence: [...profileEvidence(context), ...(await fileEvidence(context, chosen))],
    artifactKind: 'compose-project',
  }
}

function reasonOf(chosen: Chosen | null, named: boolean, problem: string | undefined): string {
  const files = bounded(chosen?.files.join(' with ') ?? 'no Compose file', 200)
  const why = named
    ? `runtime.planner names this planner (${files})`
    : chosen?.from === 'runtime.composeFiles'
      ? `runtime.composeFiles names ${files}`
      : `${files} describes services`
  const but = problem === undefined ? '' : `, but: ${bounded(problem.replaceAll(/\s+/g, ' '), 200)}`
  return but === '' ? `${why}.` : `${why}${but}`
}

async function fileEvidence({ root }: PlannerContext, chosen: Chosen | null): Promise<Evidence[]> {
  const facts: Evidence[] = []
  for (const file of chosen?.files.slice(0, 10) ?? []) {
    if (await root.has(file)) facts.push(fact('file', file, 'compose file', { from: chosen?.from ?? 'name' }))
  }
  const passedOver = chosen?.passedOver ?? []
  if (passedOver.length > 0) facts.push(fact('file', undefined, 'passed over', passedOver))
  return facts
}
