import type { RunningRef } from '@appaloft/core/spec'
import type { Simulation } from '../simulation.js'

/** An effect on the machine or the proxy happens now, under a token. */
export function effectHappens(
  simulation: Simulation,
  part: 'target' | 'proxy',
  resourceId: string,
  token: number,
  what: string,
): void {
  const key = `${part} ${resourceId}`
  const highest = simulation.highest.get(key) ?? 0
  if (token < highest)
    simulation.violate('fenced-effects', `${what} happened under the token ${token}, after an effect under ${highest}.`)
  simulation.highest.set(key, Math.max(highest, token))
}

/** A running release is stopped now: may it be? */
export function stopHappens(simulation: Simulation, ref: RunningRef, token: number): void {
  const { machine, removing } = simulation
  const ledger = simulation.serving(ref.resourceId)
  const thing = machine.find(ref)
  if (thing?.state !== 'running' || removing.has(ref.resourceId)) return
  const promised = (plan: { overlap: boolean; network: { exposure: string } } | null | undefined) =>
    plan?.overlap === true && plan.network.exposure === 'proxy'
  if (!promised(thing.plan)) return
  const live = ledger.live(ref.resourceId)
  const actor = ledger.actor(ref.resourceId, token)
  if (live?.deploymentId === ref.deploymentId) {
    if (actor?.record.plan != null && !promised(actor.record.plan)) return
    // Its own failed attempt, after traffic went back: the record follows in the same step of the rollback.
    if (actor?.record.id === ref.deploymentId && actor.record.status === 'rolling-back') return
    simulation.violate('old-release-kept', `${ref.deploymentId} is stopped, and is the last recorded promotion.`)
    return
  }
  const present = live === null ? undefined : ledger.deployments.get(live.deploymentId)?.record
  if (present?.status !== 'verifying' || present.previous?.deploymentId !== ref.deploymentId) return
  const access = present.checks.access?.status
  if (access !== 'passed' && access !== 'skipped')
    simulation.violate('old-release-kept', `${ref.deploymentId} is stopped before access of ${present.id} has passed.`)
}

/** The routes of a resource have changed. Whoever asks now reaches what they say. */
export function routesChange(simulation: Simulation, resourceId: string): void {
  simulation.users.ask(resourceId)
}
