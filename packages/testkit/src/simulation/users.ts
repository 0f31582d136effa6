import type { Thing } from './machine.js'
import { Random } from './random.js'
import type { Simulation } from './simulation.js'

interface Open {
  resourceId: string
  thing: Thing
  /** Of the upstream set through which it came. */
  deploymentId: string
  since: number
}

const lengthsMs = [5, 100, 900, 4000, 20_000]

/** Those who use what is deployed: they ask at every moment, and some of their requests take long. */
export class Users {
  readonly open = new Set<Open>()
  readonly #random: Random

  constructor(private readonly simulation: Simulation) {
    this.#random = new Random(`users ${simulation.script.seed}`)
  }

  /** A user who asks now. */
  ask(resourceId: string): Thing | undefined {
    const { routing, setup } = this.simulation
    const ledger = this.simulation.serving(resourceId)
    const index = Number(resourceId.slice(-1))
    const { hostname } = setup.resources[index]!
    const port = hostname === null ? routing.port(resourceId) : 80
    const answer = routing.ask(port, hostname ?? '', undefined)
    const { thing, identity } = answer
    if (thing !== undefined && this.#unpromised(resourceId)) return thing
    if (thing !== undefined && identity !== undefined && identity !== thing.deploymentId)
      this.simulation.violate('identity-true', `${thing.deploymentId} answered, the proxy says ${identity}.`)
    if (thing !== undefined) {
      const { running, healthy, staged } = thing.seen
      const { health } = thing.plan
      if (running === undefined || staged === undefined || (health.enabled && healthy === undefined))
        this.simulation.violate(
          'verified-traffic',
          `Users of ${resourceId} reach ${thing.deploymentId}, of which was seen: ${JSON.stringify(thing.seen)}.`,
        )
      return thing
    }
    if (ledger.live(resourceId) !== null && !this.excused(resourceId))
      this.simulation.violate('no-request-lost', `A request to ${resourceId} was answered with ${answer.status}.`)
    return undefined
  }

  /** Sometimes, just before something changes: a request that is under way while it does. */
  maybeBegin(resourceId: string): void {
    if (!this.#random.chance(0.2)) return
    const thing = this.ask(resourceId)
    // What died may have left its port to a release of somebody else.
    if (thing?.resourceId !== resourceId) return
    const { deploymentId } = this.simulation.routing.tables.get(resourceId)!.live!
    const one = { resourceId, thing, deploymentId, since: this.simulation.now }
    this.open.add(one)
    this.simulation.scheduler.after(this.#random.pick(lengthsMs), () => this.open.delete(one))
  }

  count(resourceId: string, deploymentId: string): number {
    let count = 0
    for (const one of this.open) if (one.resourceId === resourceId && one.deploymentId === deploymentId) count++
    return count
  }

  stopped(thing: Thing): void {
    for (const one of this.open) if (one.thing === thing) this.#broken(one)
  }

  cut(resourceId: string, deploymentId: string): void {
    for (const one of this.open)
      if (one.resourceId === resourceId && one.deploymentId === deploymentId) this.#broken(one)
  }

  #broken(one: Open): void {
    this.open.delete(one)
    const { resourceId, thing } = one
    if (thing.endedItself || this.excused(resourceId)) return
    const drained = this.simulation.now - thing.leftAt
    if (drained >= thing.plan.network.drainSeconds * 1000 - 1) return
    this.simulation.violate(
      'no-request-lost',
      `A request to ${resourceId} that was under way at ${thing.deploymentId} was cut ${Math.round(drained)} ms after the switch.`,
    )
  }

  /** Where no request can be lost, or none is promised to be kept. */
  excused(resourceId: string): boolean {
    const ledger = this.simulation.serving(resourceId)
    const live = ledger.live(resourceId)
    if (live === null) return true
    const record = ledger.deployments.get(live.deploymentId)?.record
    // It failed after its promotion, and there is nothing to go back to.
    if (record?.status === 'rolling-back' && record.previous === null) return true
    return this.#unpromised(resourceId)
  }

  /** No overlap, another exposure, a process that died by itself, a resource that is being removed. */
  #unpromised(resourceId: string): boolean {
    const { machine, routing, removing, unpromised } = this.simulation
    const ledger = this.simulation.serving(resourceId)
    if (removing.has(resourceId) || unpromised.has(resourceId)) return true
    const live = ledger.live(resourceId)
    const plan = live === null ? null : ledger.deployments.get(live.deploymentId)?.record.plan
    if (plan != null && !(plan.overlap && plan.network.exposure === 'proxy')) return true
    return (live !== null && machine.find(live)?.endedItself === true) || routing.live(resourceId)?.endedItself === true
  }
}
