import { type Redactor, redactor } from '../secrets/index.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError, hasCode } from '../spec/errors.js'
import type { DeploymentEvent, NewEvent } from '../spec/events.js'
import type { JsonObject } from '../spec/json.js'
import type { LeaseRef } from '../spec/lease.js'
import { isTerminal, type Phase, type Step } from '../spec/phases.js'
import type { Reason } from '../spec/reasons.js'
import type { Commit } from '../spec/store.js'
import type { LogLine, RunningRef, Target } from '../spec/target.js'
import { isLost, toAppaloftError } from './errors.js'
import { Heartbeat } from './heartbeat.js'
import { LogLines } from './log-lines.js'
import type { Runtime } from './runtime.js'

type EventInput = Partial<Omit<NewEvent, 'at'>> & Pick<NewEvent, 'type'>
type Input = Partial<Omit<Commit, 'deploymentId' | 'guards'>>

/** An attempt that this process runs: the record as last committed, the leases that guard it, and the way to write to both. */
export class Attempt {
  readonly abort = new AbortController()
  redact: Redactor = redactor([])
  /** The lease of resource and target, once it is taken. */
  resourceLease: LeaseRef | undefined
  /** From the intended promotion on, and while compensation runs: a cancel no longer interrupts. */
  settled = false
  private readonly lines: LogLines
  private deferred: { events: NewEvent[]; set: NonNullable<Commit['set']> } = { events: [], set: {} }
  private flushing: Promise<unknown> = Promise.resolve()
  private readonly heartbeat: Heartbeat

  constructor(
    readonly runtime: Runtime,
    public record: DeploymentRecord,
    readonly attemptLease: LeaseRef,
    readonly target: Target,
    /** The last sequence that is known; undefined: not known yet. */
    private sequence?: number,
  ) {
    this.lines = new LogLines(
      runtime,
      () => this.redact,
      () => this.flushLines(),
    )
    this.heartbeat = new Heartbeat(runtime, record.id, () => this.leases(), {
      lost: (error) => this.abort.abort(error),
      canceled: () => this.cancel(),
    })
  }

  get id(): string {
    return this.record.id
  }

  /** The record with what is deferred. */
  get present(): DeploymentRecord {
    return { ...this.record, ...(this.deferred.set as Partial<DeploymentRecord>) }
  }

  get ref(): RunningRef {
    return { resourceId: this.record.resourceId, deploymentId: this.id, releaseId: this.record.releaseId ?? '' }
  }

  get signal(): AbortSignal {
    return this.abort.signal
  }

  get token(): number {
    return this.record.token ?? 0
  }

  get lastLogs(): readonly string[] {
    return this.lines.last
  }

  event(input: EventInput): NewEvent {
    const { message, data, ...rest } = input
    const { currentPhase } = this.present
    return this.redact.json({
      at: this.runtime.now(),
      ...(currentPhase === null ? {} : { phase: currentPhase }),
      ...rest,
      ...(message === undefined ? {} : { message }),
      data: data ?? {},
    })
  }

  /** Becomes part of the next commit, which comes before anything that waits. */
  defer(input: { set?: Commit['set']; events?: NewEvent[] }): void {
    this.deferred = {
      events: [...this.deferred.events, ...(input.events ?? [])],
      set: { ...this.deferred.set, ...input.set },
    }
  }

  /** Before a wait: what was deferred is told now. */
  async settle(): Promise<void> {
    if (this.deferred.events.length > 0) await this.commit({})
  }

  /** One journal boundary. Log lines and results that wait go first, so that the order is the order of happening. */
  async commit(input: Input): Promise<DeploymentRecord> {
    await this.flushing
    const lines = this.lines.take()
    const { deferred } = this
    this.deferred = { events: [], set: {} }
    const set = { ...deferred.set, ...input.set }
    const events = [...lines, ...deferred.events, ...(input.events ?? [])]
    try {
      await this.write({ ...input, ...(Object.keys(set).length > 0 ? { set } : {}), events })
    } catch (error) {
      this.lines.putBack(lines)
      this.deferred = {
        events: [...deferred.events, ...this.deferred.events],
        set: { ...deferred.set, ...this.deferred.set },
      }
      if (hasCode(error, 'illegal-transition')) {
        const present = await this.runtime.store.getDeployment(this.id)
        if (present !== null) this.record = present
        if (present !== null && isTerminal(present.status)) throw new AppaloftError('lease-lost')
        if (present?.status === 'canceling' && !this.settled) throw canceled()
      }
      throw error
    }
    if (this.record.status === 'canceling' && !this.settled) throw canceled()
    return this.record
  }

  /** A store that is away for a moment ends no attempt; one that answers too late may have taken the commit all the same. */
  private async write(input: Input): Promise<void> {
    const { store, clock } = this.runtime
    const commit = { ...input, deploymentId: this.id }
    for (let wait = 50; ; wait *= 2) {
      try {
        const done = await store.commit({ ...commit, guards: this.guards() })
        return this.took(done.deployment, done.events)
      } catch (error) {
        if (!hasCode(error, 'store-unavailable')) throw error
        const landed = await this.landed(input.events?.length ?? 0).catch(() => null)
        if (landed !== null) return this.took(landed.record, landed.events)
        if (wait > 3_200 || this.signal.aborted) throw error
        await clock.sleep(wait)
      }
    }
  }

  private took(record: DeploymentRecord, events: readonly DeploymentEvent[]): void {
    this.record = record
    this.sequence = events.at(-1)?.sequence ?? this.sequence
    this.runtime.bus.emit(events)
  }

  /** Nobody else writes events of this attempt while its lease is held: as many new ones as were sent are those. */
  private async landed(count: number): Promise<{ record: DeploymentRecord; events: DeploymentEvent[] } | null> {
    const { store } = this.runtime
    if (count === 0 || this.sequence === undefined) return null
    const { events } = await store.readEvents(this.id, { after: this.sequence, limit: count + 1 })
    const record = events.length === count ? await store.getDeployment(this.id) : null
    return record === null ? null : { record, events }
  }

  guards(): LeaseRef[] {
    const early = ['queued', 'detecting', 'planning'].includes(this.record.status)
    return this.resourceLease !== undefined && !early ? [this.resourceLease] : [this.attemptLease]
  }

  leases(): LeaseRef[] {
    return this.resourceLease === undefined ? [this.attemptLease] : [this.attemptLease, this.resourceLease]
  }

  /** Intent before the effect; the result with the next boundary, since steps follow each other. */
  async step<T>(phase: Phase, step: Step, data: JsonObject, work: () => Promise<T>, rest: Input = {}): Promise<T> {
    this.lines.begin()
    await this.commit({
      ...rest,
      set: { ...rest.set, journal: { step, state: 'intended', data } },
      events: [...(rest.events ?? []), this.event({ type: 'step-started', phase, step, data })],
    })
    try {
      const result = await work()
      if (!this.settled) this.signal.throwIfAborted()
      this.defer({
        set: { journal: { step, state: 'done', data } },
        events: [this.event({ type: 'step-succeeded', phase, step })],
      })
      return result
    } catch (error) {
      const failed = toAppaloftError(this.signal.aborted && !this.settled ? (this.signal.reason ?? error) : error)
      if (isLost(error) || isLost(failed)) throw error
      const { message, code } = failed
      this.defer({
        set: { journal: { step, state: 'failed', data } },
        events: [this.event({ type: 'step-failed', phase, step, level: 'error', message, data: { code } })],
      })
      throw failed
    }
  }

  /** A line of output. Batched for at most 100 ms; bounded for each step. Never throws. */
  log(step: Step, line: LogLine, source: 'build' | 'runtime' = 'build'): void {
    this.lines.add(this.record.currentPhase, step, line, source)
  }

  /** Log lines alone need not survive power loss. They wait again where the store is away for a moment. */
  private flushLines(): void {
    this.flushing = this.flushing.then(async () => {
      const events = this.lines.take()
      if (events.length === 0) return
      try {
        const { store } = this.runtime
        const done = await store.commit({ deploymentId: this.id, guards: this.guards(), events, durable: false })
        this.sequence = done.events.at(-1)?.sequence ?? this.sequence
        this.runtime.bus.emit(done.events)
      } catch (error) {
        if (isLost(error) || hasCode(error, 'illegal-transition')) this.abort.abort(new AppaloftError('lease-lost'))
        else this.lines.putBack(events)
      }
    })
  }

  /** Recorded and told. */
  async warn(warning: Reason): Promise<void> {
    const { code, message, phase } = warning
    await this.commit({
      set: { warnings: [...this.present.warnings, this.redact.json(warning)] },
      events: [this.event({ type: 'warning', phase, level: 'warn', message, data: { code } })],
    })
  }

  cancel(): void {
    if (!this.settled) this.abort.abort(canceled())
  }

  /** Ends what runs beside the attempt. Leases are released by the last commit. */
  async end(): Promise<void> {
    this.lines.stop()
    await this.flushing
    await this.heartbeat.stop()
  }
}

export const canceled = (): AppaloftError => new AppaloftError('canceled')
