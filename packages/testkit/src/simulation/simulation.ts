import type { Appaloft, AppaloftOptions, DeploymentRecord, Store } from '@appaloft/core/spec'
import { Decisions } from './decisions.js'
import { type InvariantId, invariants, ofOneStore, type Violation } from './invariants/words.js'
import { Ledger } from './ledger.js'
import { Machine } from './machine.js'
import { simulatedProber } from './parts/prober.js'
import { simulatedClock, simulatedIds, simulatedLiveness, simulatedPlanner, simulatedSecrets } from './parts/small.js'
import { simulatedStore } from './parts/store.js'
import { simulatedTarget } from './parts/target.js'
import { SimulatedProcess } from './process.js'
import { Routing } from './routing.js'
import { Scheduler } from './scheduler.js'
import type { Moment, Script, Setup } from './script.js'
import { Users } from './users.js'

/** What is simulated: the caller's own composition. */
export interface Subject {
  /** Called for each simulated engine, with its parts; may add to them or wrap them. */
  createAppaloft(parts: AppaloftOptions): Appaloft
  /** A new, empty store in memory, called once a run: it must answer without a turn of the event loop. */
  store(): Store
}

export interface Engine {
  process: SimulatedProcess
  appaloft: Appaloft
}

/** One run: everything in it, and nothing outside it. */
export class Simulation {
  readonly scheduler = new Scheduler()
  /** One for each store. */
  readonly ledgers: readonly Ledger[]
  readonly stores: readonly Store[]
  /** By resource: that of the store whose engine has last changed what is live there. */
  readonly #served = new Map<string, Ledger>()
  readonly machine: Machine
  readonly routing: Routing
  readonly users: Users
  readonly decisions: Decisions
  readonly setup: Setup
  readonly processes: SimulatedProcess[] = []
  readonly engines: Engine[] = []
  /** Calls that were sent and have not yet taken effect. */
  flying = 0
  /** Releases that were defined, and followers, so far. */
  versions = 0
  following = 0
  /** The scenario has come to its end. */
  over = false
  /** Processes that put things in order after their start. */
  readonly reconciling = new Set<SimulatedProcess>()
  /** Resources that are being removed, or were in part, and calls that do so. */
  readonly removing = new Set<string>()
  removals = 0
  /** Resources that were removed at some time: another store still believes in them until it acts. */
  readonly removed = new Set<string>()
  /** Resources of which nothing is promised until the next success: they were replaced without overlap, or a rollback failed. */
  readonly unpromised = new Set<string>()
  /** The highest token under which an effect has happened, by part and resource. */
  readonly highest = new Map<string, number>()
  readonly covered = new Map<string, number>()
  readonly trace: string[] = []
  violation: Violation | undefined
  #ids = 0
  readonly #waiting = new Set<{ resourceId: string; moment: Moment; resolve: () => void }>()

  constructor(
    readonly subject: Subject,
    readonly script: Script,
    private readonly options: { trace: boolean; record: boolean },
  ) {
    this.setup = script.setup
    this.decisions = new Decisions(script, options.record)
    const each = <T>(make: () => T) => Array.from({ length: this.setup.stores ?? 1 }, make)
    this.stores = each(() => subject.store())
    this.ledgers = each(() => new Ledger())
    this.machine = new Machine(this)
    this.routing = new Routing(this)
    this.users = new Users(this)
  }

  get now(): number {
    return this.scheduler.now
  }

  /** What is live of a resource, and why. */
  serving(resourceId: string): Ledger {
    return this.#served.get(resourceId) ?? this.ledgers[0]!
  }

  liveChanges(resourceId: string, ledger: Ledger): void {
    this.#served.set(resourceId, ledger)
  }

  say(line: () => string): void {
    if (this.options.trace) this.trace.push(`${this.now.toFixed(1).padStart(9)}  ${line()}`)
  }

  cover(what: string): void {
    this.covered.set(what, (this.covered.get(what) ?? 0) + 1)
  }

  /** Resolves when an attempt of the resource comes to this moment, or after so many milliseconds. */
  moment(resourceId: string, moment: Moment, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const one = { resourceId, moment, resolve }
      this.#waiting.add(one)
      this.scheduler.after(ms, () => {
        this.#waiting.delete(one)
        resolve()
      })
    })
  }

  recordChanged(record: DeploymentRecord): void {
    for (const one of this.#waiting) {
      if (one.resourceId !== record.resourceId || !isAt(record, one.moment)) continue
      this.#waiting.delete(one)
      this.scheduler.after(0, one.resolve)
    }
  }

  /** The first one counts: what follows may follow from it. */
  violate(invariant: InvariantId, message: string): void {
    if (this.ledgers.length > 1 && ofOneStore.has(invariant)) return
    this.say(() => `VIOLATED ${invariant}: ${message}`)
    this.violation ??= {
      invariant,
      words: invariants[invariant],
      message,
      step: this.scheduler.steps,
      at: Math.round(this.now),
    }
  }

  /** Starts an engine in a place, after the one that was there. */
  boot(slot: number): Engine {
    const incarnation = this.processes.filter((one) => one.slot === slot).length
    const process = new SimulatedProcess(this, slot, incarnation)
    this.processes.push(process)
    const { concurrency, identity, retention } = this.setup
    const appaloft = this.subject.createAppaloft({
      store: simulatedStore(process),
      targets: [simulatedTarget(process)],
      planners: [simulatedPlanner()],
      secrets: simulatedSecrets(process),
      clock: simulatedClock(process),
      ids: simulatedIds(() => ++this.#ids),
      prober: simulatedProber(process),
      liveness: simulatedLiveness(process),
      stateDir: '/nonexistent/appaloft-simulation',
      concurrency,
      identity,
      retention,
    })
    const engine = { process, appaloft }
    this.engines[slot] = engine
    this.say(() => `${process.name} starts`)
    this.#compareEvents(engine)
    return engine
  }

  /** A process died. */
  died({ slot }: SimulatedProcess, restartMs: number): void {
    if (restartMs < 0) return
    this.scheduler.after(restartMs, () => {
      if (this.engines[slot]?.process.alive || this.violation !== undefined) return
      const { appaloft, process } = this.boot(slot)
      // A process that begins puts things in order first; of one that dies in it nothing is waited for.
      this.reconciling.add(process)
      const over = () => this.reconciling.delete(process)
      process.onDeath(over)
      appaloft.reconcile().then(over, over)
    })
  }

  #compareEvents({ appaloft, process }: Engine): void {
    const heard = new Map<string, number>()
    appaloft.on('event', (event) => {
      if (!process.alive) return
      const { deploymentId: id, sequence } = event
      const { ledger } = process
      const stored = ledger.deployments.get(id)?.events[sequence - 1]
      if (ledger.gone.has(id)) return
      const before = heard.get(id) ?? 0
      heard.set(id, sequence)
      if (stored?.type !== event.type || stored.sequence !== sequence || stored.at !== event.at)
        this.violate(
          'bus-equals-store',
          `${process.name} told ${event.type} as ${sequence} of ${id}, the store has ${stored?.type}.`,
        )
      else if (sequence <= before)
        this.violate('bus-equals-store', `${process.name} told event ${sequence} of ${id} after ${before}.`)
    })
  }
}

function isAt({ status, promotion, drain }: DeploymentRecord, moment: Moment): boolean {
  switch (moment) {
    case 'promoting':
      return promotion === 'intended'
    case 'promoted':
      return promotion === 'recorded'
    case 'draining':
      return drain === 'running'
    default:
      return status === moment
  }
}
