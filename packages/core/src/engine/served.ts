import type { Plan } from '../spec/plan.js'
import type { RunningRef, Target } from '../spec/target.js'
import type { Found } from './adopt.js'
import type { Kept } from './records.js'
import { usesProxy } from './routes.js'

export async function isServed(target: Target, ref: RunningRef, plan: Plan): Promise<boolean> {
  if (target.proxy !== null && usesProxy(plan))
    return (await target.proxy.observe(ref.resourceId)).table?.live?.deploymentId === ref.deploymentId
  return (await target.inspect(ref)).state === 'running'
}

export const refOf = ({ deployment, release }: Kept): RunningRef => ({
  resourceId: deployment.resourceId,
  deploymentId: deployment.id,
  releaseId: release.id,
})

/** To the machine, so that every store hears of it, and to what was found there. */
export async function tellEnded(
  { records }: Target,
  found: Found,
  open: Kept,
  { at, token, recoveredBy }: { at: string; token: number; recoveredBy?: string },
): Promise<void> {
  const { resourceId, id } = open.deployment
  const ended = endedAs(open, at, recoveredBy)
  await records?.put(resourceId, id, JSON.stringify(ended), token)
  found.kept.splice(found.kept.indexOf(open), 1, ended)
}

/** It serves: nobody told the machine of its end, and nobody else will. */
function endedAs(open: Kept, at: string, recoveredBy?: string): Kept {
  const end = { status: 'succeeded', promotion: 'recorded', drain: 'taken-over', finishedAt: at } as const
  return {
    ...open,
    deployment: { ...open.deployment, ...end, ...(recoveredBy === undefined ? {} : { recoveredBy }) },
    release: { ...open.release, state: 'retained', promotedAt: at },
  }
}
