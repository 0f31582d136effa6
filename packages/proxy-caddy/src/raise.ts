import type { CallOptions } from '@appaloft/core/spec'
import { fenceText } from './chain.js'
import { outdatedFences, raiseMark } from './fences.js'
import type { Look, Step } from './files.js'
import type { Resource } from './resource.js'
import { type State, stateIn, stateOf, writing } from './states.js'

export interface Raising {
  token: number
  expected: number
  owner: string
  group: number | null
}

/** Raises the fence of a resource: its mark first, then what ranks above whatever a former holder still writes. In one command, where it is as it was seen last. */
export async function raiseFence(resource: Resource, raising: Raising, options: CallOptions): Promise<void> {
  const { token, expected, owner } = raising
  const { last, ours, folder, files, id: resourceId } = resource
  const served = last === null ? null : resource.stillServed(ours.last, last)
  const early = last === null ? null : ours.peek(options).catch(() => null)
  const then: Step[] = []
  if (last !== null && served !== null) {
    then.push({ do: 'expect', seen: { fence: fenceText(token, owner), generations: last.generations } })
    then.push(...outdatedFences(folder, { chain: [expected, ...last.chain] }))
    then.push(...ranking(resource, raising, last, served))
  }
  const seen = await raiseMark({ ...raising, folder, resourceId, files, then })
  if (seen.done && then.length > 0) return
  const present =
    seen.generations.length === 0
      ? null
      : (resource.stillServed(await early, seen) ?? resource.served(await ours.read(options), seen))
  const steps = [...outdatedFences(folder, seen), ...ranking(resource, raising, seen, present)]
  if (steps.length > 0) await resource.change(steps)
}

/** What a former holder still writes ranks below this, in the generation that serves and in one that it may be about to switch to. */
function ranking(resource: Resource, { token, group }: Raising, { generations }: Look, served: State | null): Step[] {
  return generations.flatMap((generation) => {
    const before = stateIn(generation)
    if ((before?.rank.token ?? 0) >= token) return []
    const { table, former } = served ?? stateOf(null, before)
    const rank = { token, number: 0 }
    const { name, names: present } = generation
    return writing({ folder: resource.at(name), group, rank, state: { table, former }, present })
  })
}
