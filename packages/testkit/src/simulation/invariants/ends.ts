import type { Entry } from '../ledger.js'
import type { Simulation } from '../simulation.js'

/** `succeeded` is recorded now: was it seen to serve, by a request that came after the promotion? */
export function succeeded(simulation: Simulation, entry: Entry): void {
  // An engine with another store took over since it was seen: only the record came late.
  const { resourceId, token } = entry.record
  if (simulation.stores.length > 1 && (simulation.machine.marks.get(resourceId)?.token ?? 0) > (token ?? 0)) return
  for (const why of whyNotServed(simulation, entry))
    simulation.violate('served-when-succeeded', `${entry.record.id} succeeded ${why}.`)
}

function* whyNotServed({ machine, routing, removing }: Simulation, entry: Entry): Generator<string> {
  const { id, resourceId, plan, checks, promotion } = entry.record
  const [thing] = machine.ofDeployment(id)
  if (promotion !== 'recorded') yield `with its promotion ${promotion}`
  if (checks.access?.status !== 'passed' && checks.access?.status !== 'skipped')
    yield `with access ${checks.access?.status ?? 'not checked'}`
  if (thing === undefined) return yield 'and is not there'
  const { running = -1, served = -1, dialled = -1 } = thing.seen
  const live = routing.tables.get(resourceId)?.live?.deploymentId
  switch (plan?.network.exposure) {
    case 'proxy':
      if (live !== id && !removing.has(resourceId)) yield `while the proxy serves ${live ?? 'nothing'}`
      if (served < entry.promotionStep) yield 'without having answered since its promotion'
      break
    case 'direct-port':
      if (dialled < 0) yield 'without having been reached'
      break
    default:
      if (running < 0) yield 'without having been seen running'
  }
}

/** The outcome of a rollback is recorded now. */
export function rollbackTold(simulation: Simulation, entry: Entry): void {
  const { id, rollback } = entry.record
  if (rollback === undefined) return
  simulation.cover(`rollback:${rollback.outcome}`)
  if (rollback.outcome === 'failed') return
  const restored = rollback.outcome === 'restored'
  for (const why of [...stillThere(simulation, entry), ...(restored ? notRestored : wasLive)(simulation, entry)])
    simulation.violate('rollback-truth', `${id} tells ${rollback.outcome}, and ${why}.`)
}

function* stillThere({ machine, routing }: Simulation, { record: { id, resourceId } }: Entry): Generator<string> {
  if (machine.ofDeployment(id).length > 0) yield 'its candidate is still there'
  const table = routing.tables.get(resourceId)
  if (table?.live?.deploymentId === id || table?.staged?.deploymentId === id) yield 'the proxy still leads to it'
}

function* wasLive(_simulation: Simulation, { record: { previous }, keeper: { ledger } }: Entry): Generator<string> {
  if (previous !== null && ledger.releases.has(previous.releaseId)) yield `${previous.deploymentId} was live before`
}

function* notRestored({ machine, routing }: Simulation, entry: Entry): Generator<string> {
  const { previous, resourceId } = entry.record
  const former = previous === null ? undefined : machine.find(previous)
  if (previous === null || former === undefined) return yield 'there is no former release'
  const { running = -1, served = -1, dialled = -1 } = former.seen
  const live = routing.tables.get(resourceId)?.live?.deploymentId
  const { exposure } = former.plan.network
  if (exposure === 'proxy' && live !== previous.deploymentId) yield `the proxy serves ${live ?? 'nothing'}`
  const seen = exposure === 'proxy' ? served : exposure === 'direct-port' ? dialled : running
  if (seen < entry.rollbackStep) yield `${previous.deploymentId} was not seen to serve since`
}
