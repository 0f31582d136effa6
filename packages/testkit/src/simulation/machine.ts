import { AppaloftError, type Plan, type ReleaseInput, type RunningRef } from '@appaloft/core/spec'
import { type Behaviour, behaviourOf } from './behaviour.js'
import type { Mark } from './parts/marks.js'
import type { Simulation } from './simulation.js'

/** A release that runs, or ran, on the simulated machine. */
export interface Thing extends RunningRef {
  plan: Plan
  behaviour: Behaviour
  state: 'running' | 'exited'
  host: string
  port: number
  pid: number
  /** When it begins to listen; null: not by itself. */
  listensAt: number | null
  /** It ended by itself at some time: what fails then is not the engine's doing. */
  endedItself: boolean
  exitCode: number
  /** When it last stopped being what users reach. */
  leftAt: number
  /** What probes have really seen of it: the step at which it last happened. */
  seen: {
    running?: number
    healthy?: number
    /** By a request with the token that the proxy gave to it as a candidate. */
    staged?: number
    /** As what takes the traffic, by an answer that access takes. */
    served?: number
    dialled?: number
  }
}

/** Below it are ports that somebody has chosen. */
const firstPort = 20_000

const keyOf = (ref: Pick<RunningRef, 'deploymentId' | 'releaseId'>) => `${ref.deploymentId}/${ref.releaseId}`

/** The machine of the simulated target: what goes on whatever becomes of the engines. */
export class Machine {
  readonly things = new Map<string, Thing>()
  /** What was built, by the digest of its inputs. */
  readonly built = new Map<string, string>()
  readonly marks = new Map<string, Mark>()
  /** What engines have written down there, by resource and name. */
  readonly records = new Map<string, Map<string, string>>()
  /** Starts of each image so far. */
  readonly #starts = new Map<string, number>()
  readonly #freed: number[] = []
  #nextPort = firstPort
  #nextHost = 1
  #nextPid = 1

  constructor(private readonly simulation: Simulation) {}

  find(ref: Pick<RunningRef, 'deploymentId' | 'releaseId'>): Thing | undefined {
    return this.things.get(keyOf(ref))
  }

  of(resourceId: string): Thing[] {
    return [...this.things.values()].filter((one) => one.resourceId === resourceId)
  }

  ofDeployment(deploymentId: string): Thing[] {
    return [...this.things.values()].filter((one) => one.deploymentId === deploymentId)
  }

  /** Who listens there now. */
  at(host: string, port: number): Thing | undefined {
    for (const one of this.things.values()) if (one.host === host && one.port === port && this.listens(one)) return one
    return undefined
  }

  listens(thing: Thing): boolean {
    const { listensAt, behaviour } = thing
    return thing.state === 'running' && listensAt !== null && listensAt <= this.simulation.now && !behaviour.elsewhere
  }

  /** `running: false` leaves it as a start that broke off does: known, and not running. */
  start(input: ReleaseInput, running = true): void {
    const { resourceId, deploymentId, releaseId, release } = input
    if (this.find(input) !== undefined) return
    const image = release.plan.artifact.kind === 'image' ? release.plan.artifact.image : ''
    const behaviour = { ...behaviourOf(image) }
    if (behaviour.fails === 'start') throw new AppaloftError('start-failed')
    if (!this.built.has(String(release.artifact.build)))
      throw new AppaloftError('release-not-found', { message: 'What was built for this release is gone.' })
    const starts = (this.#starts.get(image) ?? 0) + 1
    this.#starts.set(image, starts)
    if (behaviour.flaky && starts === 1) behaviour.status = 500
    const { network } = release.plan
    const own = this.simulation.setup.network === 'own' && network.exposure !== 'direct-port'
    const thing: Thing = {
      resourceId,
      deploymentId,
      releaseId,
      plan: release.plan,
      behaviour,
      state: 'exited',
      host: own ? this.#address() : '127.0.0.1',
      port: own
        ? (network.internalPort ?? 80)
        : this.#port(network.exposure === 'direct-port' ? network.hostPort : undefined),
      pid: 0,
      listensAt: null,
      endedItself: false,
      exitCode: 0,
      leftAt: Number.NEGATIVE_INFINITY,
      seen: {},
    }
    this.things.set(keyOf(thing), thing)
    if (running) this.#run(thing)
  }

  restart(ref: RunningRef): void {
    const thing = this.find(ref)
    if (thing === undefined)
      throw new AppaloftError('start-failed', { message: 'There is no such release to start again.' })
    if (thing.state === 'running') return
    if (thing.plan.network.exposure !== 'direct-port') {
      if (this.simulation.setup.network === 'own') thing.host = this.#address()
      else if (this.at(thing.host, thing.port) !== undefined) thing.port = this.#port(undefined)
    }
    this.#run(thing)
    if (!thing.behaviour.returns) this.#end(thing, 1)
  }

  stop(ref: RunningRef): void {
    const thing = this.find(ref)
    if (thing?.state !== 'running') return
    thing.state = 'exited'
    if (thing.port >= firstPort) this.#freed.push(thing.port)
    this.simulation.users.stopped(thing)
  }

  remove(ref: RunningRef): void {
    this.stop(ref)
    this.things.delete(keyOf(ref))
  }

  #run(thing: Thing): void {
    const { scheduler } = this.simulation
    const taken = this.at(thing.host, thing.port)
    thing.state = 'running'
    thing.pid = this.#nextPid++
    const { pid, behaviour } = thing
    thing.listensAt = behaviour.listensAfter === null ? null : scheduler.now + behaviour.listensAfter
    // EADDRINUSE
    if (taken !== undefined) this.#end(thing, 98)
    else if (behaviour.endsAfter !== null)
      scheduler.after(behaviour.endsAfter, () => {
        if (thing.pid === pid) this.#end(thing, 3)
      })
  }

  #end(thing: Thing, exitCode: number): void {
    if (thing.state !== 'running') return
    this.simulation.say(() => `${thing.deploymentId} ends by itself`)
    thing.endedItself = true
    thing.exitCode = exitCode
    this.stop(thing)
  }

  /** Also for what is started again: a network of one's own gives it the next free one. */
  #address(): string {
    return `10.0.0.${this.#nextHost++}`
  }

  #port(given: number | undefined): number {
    if (given !== undefined) return given
    // A port that was just given back is the first to be given again: whoever holds an old address meets a stranger.
    const again = this.#freed.pop()
    return again !== undefined &&
      ![...this.things.values()].some((one) => one.port === again && one.state === 'running')
      ? again
      : this.#nextPort++
  }
}
