import { setTimeout as delay } from 'node:timers/promises'
import { type Redactor, redactor } from '../secrets/index.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError, hasCode } from '../spec/errors.js'
import { maxLogLineBytes, maxStepLogBytes, type NewEvent } from '../spec/events.js'
import type { JsonObject } from '../spec/json.js'
import { attemptLeaseKey, type LeaseRef, leaseBeatMs, leaseGiveUpMs } from '../spec/lease.js'
import { isTerminal, type Phase, type Step } from '../spec/phases.js'
import type { Commit } from '../spec/store.js'
import type { LogLine, RunningRef, Target } from '../spec/target.js'
import { isLost, toAppaloftError } from './errors.js'
import type { Runtime } from './runtime.js'

type EventInput = Partial<Omit<NewEvent, 'at'>> & Pick<NewEvent, 'type'>

/** An attempt that this process runs: the record as last committed, the leases that guard it, and the way to write to both. */
export class Attempt {
  readonly abort = new AbortController()
  redact: Redactor = redactor([])
  /** The lease of resource and target, once it is taken. */
  resourceLease: LeaseRef | undefined
  readonly lastLogs: string[] = []
  /** Set while compensation runs: a cancel no longer interrupts. */
  compensating = false
  private buffered: NewEvent[] = []
  private flushing: Promise<unknown> = Promise.resolve()
  private timer: NodeJS.Timeout | undefined
  private logBytes = 0
  private beating: Promise<void> | undefined
  private readonly stopBeats = new AbortController()

  constructor(
    readonly runtime: Runtime,
    public record: DeploymentRecord,
    readonly attemptLease: LeaseRef,
    readonly target: Target,
  ) {
    this.beating = this.beat()
  }

  get id(): string {
    return this.record.id
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

  event(input: EventInput): NewEvent {
    const { message, data, ...rest } = input
    return this.redact.json({
      at: this.runtime.now(),
      ...(this.record.currentPhase === null ? {} : { phase: this.record.currentPhase }),
      ...rest,
      ...(message === undefined ? {} : { message }),
      data: data ?? {},
    })
  }

  /** One journal boundary. Log lines that wait go first, so that the order is the order of happening. */
  async commit(
    input: Partial<Omit<Commit, 'deploymentId' | 'guards'>>,
    guards?: LeaseRef[],
  ): Promise<DeploymentRecord> {
    const waiting = this.buffered
    this.buffered = []
    await this.flushing
    const events = [...waiting, ...(input.events ?? [])]
    try {
      const done = await this.runtime.store.commit({
        ...input,
        events,
        deploymentId: this.id,
        guards: guards ?? this.guards(),
      })
      this.record = done.deployment
      this.runtime.bus.emit(done.events)
    } catch (error) {
      if (hasCode(error, 'illegal-transition')) {
        const present = await this.runtime.store.getDeployment(this.id)
        if (present !== null) this.record = present
        if (present !== null && isTerminal(present.status)) throw new AppaloftError('lease-lost')
        if (present?.status === 'canceling' && !this.compensating) throw canceled()
      }
      throw error
    }
    if (this.record.status === 'canceling' && !this.compensating) throw canceled()
    return this.record
  }

  guards(): LeaseRef[] {
    const early = ['queued', 'detecting', 'planning'].includes(this.record.status)
    return this.resourceLease !== undefined && !early ? [this.resourceLease] : [this.attemptLease]
  }

  /** Intent before, outcome after. */
  async step<T>(
    phase: Phase,
    step: Step,
    data: JsonObject,
    work: () => Promise<T>,
    set: Commit['set'] = {},
  ): Promise<T> {
    this.logBytes = 0
    await this.commit({
      set: { ...set, journal: { step, state: 'intended', data } },
      events: [this.event({ type: 'step-started', phase, step, data })],
    })
    try {
      const result = await work()
      if (!this.compensating) this.signal.throwIfAborted()
      await this.commit({
        set: { journal: { step, state: 'done', data } },
        events: [this.event({ type: 'step-succeeded', phase, step })],
      })
      return result
    } catch (error) {
      if (!isLost(error)) {
        const failed = toAppaloftError(
          this.signal.aborted && !this.compensating ? (this.signal.reason ?? error) : error,
        )
        const event = this.event({
          type: 'step-failed',
          phase,
          step,
          level: 'error',
          message: failed.message,
          data: { code: failed.code },
        })
        await this.commit({ events: [event] }).catch(() => {})
        throw failed
      }
      throw error
    }
  }

  /** A line of output. Batched for at most 100 ms; bounded for each step. Never throws. */
  log(step: Step, line: LogLine, source: 'build' | 'runtime' = 'build'): void {
    const text = this.redact.text(line.text)
    this.lastLogs.push(text.slice(0, 2000))
    if (this.lastLogs.length > 50) this.lastLogs.shift()
    if (this.logBytes >= maxStepLogBytes) return
    const bytes = Buffer.byteLength(text)
    this.logBytes += Math.min(bytes, maxLogLineBytes)
    const full = this.logBytes >= maxStepLogBytes
    const cut = bytes > maxLogLineBytes ? Buffer.from(text).subarray(0, maxLogLineBytes).toString('utf8') : text
    this.buffered.push({
      type: 'log',
      at: this.runtime.now(),
      ...(this.record.currentPhase === null ? {} : { phase: this.record.currentPhase }),
      step,
      message: full ? `${cut.slice(0, 200)} [the step's log is cut here]` : cut,
      data: { stream: line.stream, source, ...(cut === text && !full ? {} : { truncated: true }) },
    })
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      this.flush()
    }, 100)
  }

  private flush(): void {
    const events = this.buffered
    if (events.length === 0) return
    this.buffered = []
    this.flushing = this.flushing
      .then(() => this.runtime.store.commit({ deploymentId: this.id, guards: this.guards(), events, durable: false }))
      .then((done) => this.runtime.bus.emit(done.events))
      .catch((error) => this.lost(error))
  }

  async warn(event: EventInput & { data: JsonObject }): Promise<void> {
    await this.commit({ events: [this.event({ level: 'warn', ...event })] })
  }

  /** Someone else holds the lease now: no further effect. */
  lost(error: unknown): void {
    if (isLost(error) || hasCode(error, 'illegal-transition'))
      this.abort.abort(toAppaloftError(new AppaloftError('lease-lost')))
  }

  cancel(): void {
    if (!this.compensating) this.abort.abort(canceled())
  }

  private async beat(): Promise<void> {
    const { clock, store } = this.runtime
    let last = clock.monotonic()
    while (!this.stopBeats.signal.aborted) {
      await clock.sleep(leaseBeatMs, { signal: this.stopBeats.signal, unref: true }).catch(() => {})
      if (this.stopBeats.signal.aborted) return
      try {
        const leases = this.resourceLease === undefined ? [this.attemptLease] : [this.attemptLease, this.resourceLease]
        const gone = await store.beatLeases(leases)
        if (gone.length > 0) return this.abort.abort(new AppaloftError('lease-lost'))
        last = clock.monotonic()
        const present = await store.getDeployment(this.id)
        if (present?.status === 'canceling') this.cancel()
      } catch {
        if (clock.monotonic() - last > leaseGiveUpMs) return this.abort.abort(new AppaloftError('lease-lost'))
      }
    }
  }

  /** Ends what runs beside the attempt. Leases are released by the last commit. */
  async end(): Promise<void> {
    this.stopBeats.abort()
    if (this.timer !== undefined) clearTimeout(this.timer)
    await this.flushing
    await this.beating
  }

  leases(): LeaseRef[] {
    return this.resourceLease === undefined ? [this.attemptLease] : [this.attemptLease, this.resourceLease]
  }
}

export const canceled = (): AppaloftError => new AppaloftError('canceled')
export const attemptLeaseOf = (id: string, token: number): LeaseRef => ({ key: attemptLeaseKey(id), token })
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  delay(ms, undefined, signal === undefined ? {} : { signal }).catch((error) => {
    signal?.throwIfAborted()
    throw error
  })
