import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError, hasCode } from '../spec/errors.js'
import type { NewEvent } from '../spec/events.js'
import { isTerminal } from '../spec/phases.js'
import type { Commit } from '../spec/store.js'
import { canceled, isLost } from './errors.js'
import type { Journal } from './journal.js'
import type { LogLines } from './log-lines.js'
import type { Runtime } from './runtime.js'

export type Entry = Partial<Omit<Commit, 'deploymentId' | 'guards'>>
type Changes = NonNullable<Commit['set']>

/** What goes with the next commit: lines of output, and results of what came before. */
interface Waiting {
  lines: NewEvent[]
  events: NewEvent[]
  set: Changes
}

interface Heard {
  /** Does a cancel still interrupt it? */
  interrupts(): boolean
  /** Somebody else has written its end. */
  lost(error: AppaloftError): void
}

/** The record of an attempt as it was last committed, what waits for the next commit, and the order in which both are written. */
export class Recording {
  #deferred: Omit<Waiting, 'lines'> = { events: [], set: {} }
  /** On its way into the store. */
  #sent: Changes = {}
  /** What was sent with a commit of which nobody knows whether it was taken. */
  #inDoubt: Waiting | undefined

  constructor(
    private readonly runtime: Runtime,
    public record: DeploymentRecord,
    private readonly journal: Journal,
    private readonly lines: LogLines,
    private readonly heard: Heard,
  ) {}

  /** The record with what is deferred, and with what was sent and not answered. */
  get present(): DeploymentRecord {
    const set = { ...this.#inDoubt?.set, ...this.#sent, ...this.#deferred.set }
    return { ...this.record, ...(set as Partial<DeploymentRecord>) }
  }

  /** Becomes part of the next commit, which comes before anything that waits. */
  defer({ set, events = [] }: { set?: Commit['set']; events?: NewEvent[] }): void {
    const { events: before, set: known } = this.#deferred
    this.#deferred = { events: [...before, ...events], set: { ...known, ...set } }
  }

  /** Before a wait: what was deferred is told now. */
  async settle(): Promise<void> {
    if (this.#deferred.events.length > 0) await this.commit({})
  }

  /** One journal boundary. Log lines and results that wait go first, so that the order is the order of happening. */
  commit(input: Entry): Promise<DeploymentRecord> {
    return this.journal.inTurn(async () => {
      await this.#resolve()
      const waiting = this.#take()
      const set = { ...waiting.set, ...input.set }
      const events = [...waiting.lines, ...waiting.events, ...(input.events ?? [])]
      this.#sent = set
      try {
        const entry = { ...input, ...(Object.keys(set).length > 0 ? { set } : {}), events }
        this.record = (await this.journal.write(entry)).deployment
      } catch (error) {
        if (this.journal.inDoubt) this.#inDoubt = waiting
        else this.#putBack(waiting)
        if (hasCode(error, 'illegal-transition')) await this.#overruled()
        throw error
      } finally {
        this.#sent = {}
      }
      if (this.record.status === 'canceling' && this.heard.interrupts()) throw canceled()
      return this.record
    })
  }

  /** What the store has instead: an end that somebody else wrote, a cancel. */
  async #overruled(): Promise<void> {
    const present = await this.runtime.store.getDeployment(this.record.id)
    if (present === null) return
    this.record = present
    if (isTerminal(present.status)) throw new AppaloftError('lease-lost')
    if (present.status === 'canceling' && this.heard.interrupts()) throw canceled()
  }

  /** Until it is known what the store has taken, nothing that was sent can be built on. */
  async known(): Promise<void> {
    await this.journal.inTurn(() => this.#resolve())
  }

  /** What was sent last and not answered: if it was not taken, what had waited waits again. */
  async #resolve(): Promise<void> {
    const inDoubt = this.#inDoubt
    if (inDoubt === undefined) return
    const written = await this.journal.resolve()
    this.#inDoubt = undefined
    if (written === null) this.#putBack(inDoubt)
    else this.record = written.deployment
  }

  #take(): Waiting {
    const { events, set } = this.#deferred
    this.#deferred = { events: [], set: {} }
    return { lines: this.lines.take(), events, set }
  }

  #putBack({ lines, events, set }: Waiting): void {
    this.lines.putBack(lines)
    this.#deferred = { events: [...events, ...this.#deferred.events], set: { ...set, ...this.#deferred.set } }
  }

  /** Log lines alone need not survive power loss. They wait again where the store is away for a moment. */
  flushLines(): void {
    void this.journal.inTurn(async () => {
      const waiting = { lines: [] as NewEvent[], events: [], set: {} }
      try {
        await this.#resolve()
        waiting.lines = this.lines.take()
        if (waiting.lines.length > 0) await this.journal.write({ events: waiting.lines, durable: false })
      } catch (error) {
        if (isLost(error) || hasCode(error, 'illegal-transition')) this.heard.lost(new AppaloftError('lease-lost'))
        else if (this.journal.inDoubt) this.#inDoubt ??= waiting
        else this.#putBack(waiting)
      }
    })
  }

  /** After what is being written, nothing more is. */
  async end(): Promise<void> {
    this.lines.stop()
    await this.journal.end()
  }
}
