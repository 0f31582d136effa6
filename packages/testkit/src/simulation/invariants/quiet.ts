import { isTerminal, type ReconcileReport } from '@appaloft/core/spec'
import type { Engine, Simulation } from '../simulation.js'
import type { InvariantId } from './words.js'

type Problem = readonly [invariant: InvariantId, message: string]

/** Nothing is under way any more, and the last engine has reconciled. */
export function quiet(simulation: Simulation, engine: Engine, report: ReconcileReport): void {
  for (const problem of notEnded(engine, report)) simulation.violate(...problem)
  for (const [index] of simulation.setup.resources.entries())
    for (const look of [notQuiet, notTold])
      for (const problem of look(engine.process, simulation, `res_r${index}`)) simulation.violate(...problem)
}

function* notEnded({ process }: Engine, { problems }: ReconcileReport): Generator<Problem> {
  const { ledger } = process
  for (const { record } of ledger.deployments.values())
    if (!isTerminal(record.status))
      yield [
        'everything-ends',
        `${record.id} is ${record.status} after the last reconcile (${JSON.stringify(problems)}).`,
      ]
  for (const { lease, process: holder } of ledger.leases.values())
    if (lease.holder !== null && holder === process)
      yield ['everything-ends', `${lease.key} is still held by ${process.name}.`]
}

function* notQuiet({ ledger }: Engine['process'], { machine, routing }: Simulation, id: string): Generator<Problem> {
  const live = ledger.live(id)
  const table = routing.tables.get(id)
  for (const one of machine.of(id))
    if (one.deploymentId !== live?.deploymentId)
      yield [
        'one-live-release',
        `${one.deploymentId} of ${id} is ${one.state}; live is ${live?.deploymentId ?? 'nothing'}.`,
      ]
  for (const release of ledger.releases.values()) {
    const kept = release.resourceId === id && release.state === 'retained'
    const excused = ledger.pruned.has(release.id) && release.id !== live?.releaseId
    if (kept && !excused && !machine.built.has(String(release.artifact.build)))
      yield ['retained-can-start', `What was built for ${release.id} is gone.`]
  }
  if (live === null) {
    const led = table?.live?.deploymentId ?? table?.staged?.deploymentId
    if (led !== undefined) yield ['routes-equal-record', `${id}: the proxy leads to ${led}, and nothing is live.`]
    return
  }
  const release = ledger.releases.get(live.releaseId)
  const thing = machine.find(live)
  if (release === undefined)
    return yield ['retained-can-start', `The live release ${live.releaseId} of ${id} is not kept.`]
  if (thing === undefined) return yield ['one-live-release', `The live release of ${id} is not there.`]
  // What died by itself may not come back; what does not run has no route.
  if (thing.endedItself) return
  if (thing.state !== 'running') yield ['one-live-release', `The live release of ${id} is ${thing.state}.`]
  if (release.plan.network.exposure !== 'proxy') return
  if (table?.live?.deploymentId !== live.deploymentId) {
    const led = table?.live?.deploymentId ?? 'nothing'
    return yield ['routes-equal-record', `${id}: the proxy leads to ${led}, live is ${live.deploymentId}.`]
  }
  if (table.staged !== null) yield ['routes-equal-record', `${id}: ${table.staged.deploymentId} is still staged.`]
  const [address] = table.live.addresses
  if (address?.kind !== 'tcp' || address.port !== thing.port || address.host !== thing.host)
    yield ['routes-equal-record', `${id}: the proxy has an old address of ${live.deploymentId}.`]
}

/** What the machine keeps for engines with another store. */
function* notTold({ ledger }: Engine['process'], simulation: Simulation, id: string): Generator<Problem> {
  const { machine, setup } = simulation
  if (!setup.records || (simulation.stores.length > 1 && simulation.removed.has(id))) return
  const told = machine.records.get(id) ?? new Map<string, string>()
  const live = ledger.live(id)
  if (live !== null && !told.has(live.deploymentId))
    yield ['machine-tells', `${id}: of ${live.deploymentId}, which is live, there is no record.`]
  for (const name of told.keys()) {
    const record = ledger.deployments.get(name)?.record
    // Where it could not be taken away, the rollback says so; the next deployment does it.
    const left = record?.rollback?.outcome === 'failed' || ledger.gone.has(name)
    // An engine that was overtaken while it drained calls it interrupted; what it did stays.
    if (!left && record?.promotion !== 'recorded')
      yield ['machine-tells', `${id}: there is a record of ${name}, which is ${record?.status ?? 'not known'}.`]
  }
}

/** Stores whose engines share a machine that tells of its releases. */
export function agreed(simulation: Simulation): void {
  const { ledgers, setup, routing, machine, unpromised, removed } = simulation
  for (const [index, { exposure }] of setup.resources.entries()) {
    const id = `res_r${index}`
    if (unpromised.has(id) || removed.has(id)) continue
    const routed = routing.tables.get(id)?.live?.deploymentId
    const running = machine.of(id).find(({ state }) => state === 'running')?.deploymentId
    const present = exposure === 'proxy' ? routed : running
    for (const [at, ledger] of ledgers.entries()) {
      const live = ledger.live(id)
      if (present !== undefined && live?.deploymentId !== present)
        simulation.violate(
          'stores-agree',
          `${id}: ${present} is served, for store ${at} ${live?.deploymentId ?? 'nothing'} is live.`,
        )
      else if (live !== null && ledger.releases.get(live.releaseId) === undefined)
        simulation.violate('stores-agree', `${id}: store ${at} does not know ${live.releaseId}, which is live.`)
    }
  }
}

/** A resource was removed. */
export function nothingLeft(simulation: Simulation, id: string): void {
  const { machine, routing } = simulation
  const ledger = simulation.serving(id)
  const left = [
    ...machine.of(id).map((one) => `${one.deploymentId} is ${one.state}`),
    ...(routing.tables.has(id) ? ['routes'] : []),
    ...[...(machine.records.get(id)?.keys() ?? [])].map((name) => `the record of ${name}`),
    ...(ledger.resources.has(id) ? ['the record'] : []),
    ...[...machine.built]
      .filter(([build, owner]) => owner === id && ledger.builds.has(build))
      .map(([build]) => `the build ${build.slice(0, 8)}`),
  ]
  if (left.length > 0) simulation.violate('nothing-left', `${id}: ${left.join(', ')}.`)
}
