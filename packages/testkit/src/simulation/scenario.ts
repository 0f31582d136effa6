import { attemptLeaseKey, isTerminal } from '@appaloft/core/spec'
import { agreed, nothingLeft, quiet } from './invariants/quiet.js'
import type { Move } from './script.js'
import type { Engine, Simulation } from './simulation.js'
import { definitionOf, judgeRefusal, perform, removed, resourceId, watch } from './verbs.js'

const sleep = (simulation: Simulation, ms: number) =>
  new Promise<void>((resolve) => simulation.scheduler.after(ms, resolve))

/** What an engine answers, or nothing where it dies first. */
async function unlessDead<T>({ process }: Engine, work: Promise<T>): Promise<T | undefined> {
  let done = () => {}
  const death = new Promise<undefined>((resolve) => {
    done = process.onDeath(() => resolve(undefined))
  })
  try {
    return await Promise.race([work, death])
  } finally {
    done()
  }
}

/** One user: one move after the other. */
async function user(simulation: Simulation, moves: readonly Move[]): Promise<void> {
  for (const move of moves) {
    if (simulation.violation !== undefined) return
    await sleep(simulation, move.wait)
    if (move.when !== undefined) await simulation.moment(resourceId(move.resource), move.when, longestMomentMs)
    const engine = simulation.engines[move.engine]
    if (engine === undefined || !engine.process.alive) continue
    simulation.say(() => `${engine.process.name} is asked: ${JSON.stringify(move)}`)
    simulation.cover(`verb:${move.verb}`)
    try {
      const handle = await unlessDead(engine, perform(simulation, engine, move))
      if (handle === undefined) continue
      const watched = unlessDead(engine, watch(simulation, engine, handle))
      if (move.untilDone) await watched
    } catch (error) {
      judgeRefusal(simulation, move, error)
    }
  }
}

const longestMomentMs = 2000
const hour = 3_600_000

/** Everything that happens in a run: users and faults, then calm, then one last engine that finds everything in order. */
export async function scenario(simulation: Simulation): Promise<void> {
  const { setup, ledgers, decisions } = simulation
  for (let slot = 0; slot < setup.engines; slot++) simulation.boot(slot)
  await Promise.all(setup.users.map((moves) => user(simulation, moves)))
  decisions.calm()
  // Those who live bring their attempts to an end; what the dead had sent arrives.
  const began = simulation.now
  const working = () =>
    ledgers.flatMap(({ deployments, leases }) =>
      [...deployments.values()].filter(({ record }) => {
        const held = leases.get(attemptLeaseKey(record.id))
        const kept = held?.lease.holder != null && held.process.alive && simulation.now - held.beatAt < 60_000
        return kept && !isTerminal(record.status)
      }),
    )
  while (simulation.flying > 0 || simulation.reconciling.size > 0 || working().length > 0) {
    await sleep(simulation, 250)
    if (simulation.now - began < hour) continue
    return simulation.violate(
      'everything-ends',
      `${
        working()
          .map(({ record, keeper }) => `${record.id} of ${keeper.name} is ${record.status} for an hour`)
          .join(', ') || 'a call never ends'
      }.`,
    )
  }
  for (const { process, appaloft } of simulation.engines) {
    if (!process.alive || setup.ending === 'stay') continue
    if (setup.ending === 'close') await appaloft.close()
    process.exit()
  }
  await sleep(simulation, 30_000)
  const last: Engine[] = []
  for (const at of simulation.stores.keys()) {
    // An engine's place decides which store it has.
    const slot = Math.ceil(setup.engines / simulation.stores.length) * simulation.stores.length + at
    const engine = simulation.boot(slot)
    let report = await engine.appaloft.reconcile()
    // An engine that lives may have taken up something of its own meanwhile.
    for (let again = 0; again < 3 && working().length > 0; again++) {
      await sleep(simulation, 90_000)
      report = await engine.appaloft.reconcile()
    }
    quiet(simulation, engine, report)
    if (simulation.violation !== undefined) return
    last.push(engine)
    if (!setup.records) for (const index of setup.resources.keys()) await afterwards(simulation, engine, index)
  }
  if (setup.records) {
    // What the last one has put right, the others are told.
    for (const { appaloft } of last) await appaloft.reconcile()
    agreed(simulation)
    if (simulation.violation !== undefined) return
    // A store that did not remove a resource believes in it until it acts.
    for (const index of setup.resources.keys()) await afterwards(simulation, last[0]!, index)
  }
  simulation.over = true
}

/** The world is in order: a plain deployment works, and a resource that is removed leaves nothing. */
async function afterwards(simulation: Simulation, engine: Engine, index: number): Promise<void> {
  const id = resourceId(index)
  const definition = definitionOf(simulation, index, 'healthy')
  const bad = simulation.setup.resources[index]?.command === 'bad'
  const done = await (await engine.appaloft.deployments.create({ resource: definition })).done
  if (done.status !== 'succeeded' && !bad)
    return simulation.violate(
      'not-wedged',
      `The last deployment of ${id} is ${done.status}: ${done.failure?.code} ${done.failure?.message}`,
    )
  await removed(simulation, engine, id)
  nothingLeft(simulation, id)
}
