import type { DeploymentRecord } from '../spec/deployment.js'
import { hasCode } from '../spec/errors.js'
import type { DeploymentEvent, NewEvent } from '../spec/events.js'
import type { LeaseRef } from '../spec/lease.js'
import type { Commit } from '../spec/store.js'
import { isLost } from './errors.js'
import { patiently } from './leases.js'
import type { Runtime } from './runtime.js'

type Written = { deployment: DeploymentRecord; events: DeploymentEvent[] }
type Entry = Omit<Commit, 'deploymentId' | 'guards'>

/**
 * The way of an attempt's commits into the store: one after the other, and each once. A store that is away for a moment ends no attempt;
 * one that answers too late may have taken the commit all the same, so it is asked before anything is sent again.
 */
export class Journal {
  private turn: Promise<unknown> = Promise.resolve()
  /** Sent, and not known whether taken. */
  private doubt: readonly NewEvent[] | undefined
  /** Events of others that wait until it is known. */
  private readonly held: (() => void)[] = []

  constructor(
    private readonly runtime: Runtime,
    private readonly id: string,
    private readonly guards: () => LeaseRef[],
    private readonly signal: AbortSignal,
    /** The last sequence that is known; undefined: not known yet. */
    private sequence: number | undefined,
  ) {}

  /** After whatever is being written. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work)
    this.turn = done.catch(() => undefined)
    return done
  }

  /** After what is being written, nothing more is. */
  async end(): Promise<void> {
    await this.turn
    this.letGo()
  }

  private letGo(): void {
    for (const letGo of this.held.splice(0)) letGo()
  }

  get inDoubt(): boolean {
    return this.doubt !== undefined
  }

  /** What became of the commit that is in doubt: null, it was not taken. */
  resolve(): Promise<Written | null> {
    return this.patiently(() => this.lookUp())
  }

  async write(entry: Entry): Promise<Written> {
    const letGo = this.runtime.bus.hold(this.id)
    try {
      return await this.send(entry)
    } finally {
      // What is in doubt may still be told.
      if (this.doubt === undefined) letGo()
      else this.held.push(letGo)
    }
  }

  private async send(entry: Entry): Promise<Written> {
    const { store } = this.runtime
    const { events = [] } = entry
    this.sequence ??= (await this.patiently(() => store.readEvents(this.id, { limit: 0 }))).last
    return this.patiently(async () => {
      const landed = await this.lookUp()
      if (landed !== null) return landed
      try {
        return this.took(await store.commit({ ...entry, deploymentId: this.id, guards: this.guards() }))
      } catch (error) {
        // Without events there is nothing to know it by, and nothing that would be there twice.
        if (hasCode(error, 'store-unavailable') && events.length > 0) this.doubt = events
        throw error
      }
    })
  }

  private async lookUp(): Promise<Written | null> {
    if (this.doubt === undefined) return null
    const landed = await this.landed(this.doubt)
    this.doubt = undefined
    const written = landed === null ? null : this.took(landed)
    this.letGo()
    return written
  }

  private patiently<T>(work: () => Promise<T>): Promise<T> {
    return patiently(this.runtime, work, () => isLost(this.signal.reason))
  }

  private took(written: Written): Written {
    this.sequence = written.events.at(-1)?.sequence ?? this.sequence
    this.runtime.bus.emit(written.events)
    return written
  }

  /** Nobody else writes events of this attempt while its lease is held, but for its end. */
  private async landed(sent: readonly NewEvent[]): Promise<Written | null> {
    const { store } = this.runtime
    const { events } = await store.readEvents(this.id, { after: this.sequence ?? 0, limit: sent.length })
    const same = sent.every(({ type, step, at }, i) => {
      const one = events[i]
      return one?.type === type && one.step === step && one.at === at
    })
    const deployment = same ? await store.getDeployment(this.id) : null
    return deployment === null ? null : { deployment, events }
  }
}
