import { AppaloftError, type DeploymentEvent } from '@appaloft/core/spec'
import type { Ledger } from './ledger.js'
import { Random } from './random.js'
import type { Engine, Simulation } from './simulation.js'

interface Follower {
  deploymentId: string
  seen: DeploymentEvent[]
  cursor: string | undefined
  gap: boolean
}

/** Follows a deployment to its end, over whichever engine is there, and connects again and again. */
export async function follow(simulation: Simulation, ledger: Ledger, deploymentId: string): Promise<void> {
  const { scheduler } = simulation
  const random = new Random(`follower ${simulation.script.seed} ${simulation.following++}`)
  const follower: Follower = { deploymentId, seen: [], cursor: undefined, gap: false }
  for (let tries = 0; tries < 500 && simulation.violation === undefined; tries++) {
    const alive = aliveOf(simulation, ledger)
    if (alive.length === 0 || ledger.gone.has(deploymentId)) {
      if (simulation.over) return
      await new Promise<void>((resolve) => scheduler.after(500, resolve))
      continue
    }
    if (await connect(alive, follower, random)) return compare(simulation, ledger, follower)
    await new Promise<void>((resolve) => scheduler.after(random.whole(0, 300), resolve))
  }
}

const aliveOf = ({ engines }: Simulation, ledger: Ledger) =>
  engines.filter((one) => one?.process.alive && one.process.ledger === ledger)

/** Reads for a while. True: it is at its end. */
async function connect(engines: readonly Engine[], follower: Follower, random: Random): Promise<boolean> {
  const { process, appaloft } = random.pick(engines)
  const { cursor, deploymentId } = follower
  const envelopes = appaloft.deployments.events(deploymentId, {
    follow: true,
    heartbeatSeconds: 5,
    ...(cursor === undefined ? {} : { cursor }),
  })
  const patience = random.pick([1, 2, 5, 20, 1000])
  let died: () => void = () => {}
  const death = new Promise<'dead'>((resolve) => {
    died = process.onDeath(() => resolve('dead'))
  })
  try {
    for (let read = 0; read < patience; read++) {
      const result = await Promise.race([envelopes.next(), death])
      if (result === 'dead') return false
      if (result.done) return false
      const { value } = result
      if (value.kind === 'error') return value.error.code === 'deployment-not-found'
      if (value.kind === 'closed') return value.reason === 'completed'
      if ('cursor' in value) follower.cursor = value.cursor
      if (value.kind === 'gap') {
        follower.gap = true
        follower.cursor = value.to
      }
      if (value.kind === 'event') follower.seen.push(value.event)
    }
    return false
  } catch (error) {
    if (AppaloftError.isInstance(error)) return false
    throw error
  } finally {
    died()
    if (process.alive) void envelopes.return?.()
  }
}

function compare(simulation: Simulation, ledger: Ledger, { deploymentId, seen, gap }: Follower): void {
  const entry = ledger.deployments.get(deploymentId)
  if (entry === undefined) return
  simulation.cover('followed')
  const numbers = seen.map((one) => one.sequence)
  const said = (message: string) => simulation.violate('followers-see-all', `A follower of ${deploymentId} ${message}.`)
  if (numbers.some((one, i) => i > 0 && one <= numbers[i - 1]!)) said(`saw ${numbers.join(', ')}`)
  else if (seen.some((one) => entry.events[one.sequence - 1]?.type !== one.type)) said('saw an event that is none')
  else if (gap && !entry.pruned) said('was told of a gap, and nothing was pruned')
  else if (!gap && numbers.length !== entry.events.length)
    said(`saw ${numbers.length} of ${entry.events.length} events`)
}
