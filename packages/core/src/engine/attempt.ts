import { type Redactor, redactor } from '../secrets/index.js'
import type { DeploymentRecord, JournalEntry } from '../spec/deployment.js'
import type { NewEvent } from '../spec/events.js'
import type { JsonObject } from '../spec/json.js'
import type { LeaseRef } from '../spec/lease.js'
import type { Phase, Step } from '../spec/phases.js'
import { type RouteTable, routeTableSchema } from '../spec/proxy.js'
import type { Reason } from '../spec/reasons.js'
import type { Commit } from '../spec/store.js'
import type { LogLine, RunningRef, Target } from '../spec/target.js'
import { canceled, isLost, supersededBy, toAppaloftError } from './errors.js'
import { Heartbeat } from './heartbeat.js'
import type { AttemptHooks } from './hooks.js'
import { Journal } from './journal.js'
import { LogLines } from './log-lines.js'
import { isDeployment, MachineHold } from './machine.js'
import { type Entry, Recording } from './recording.js'
import { cleaned } from './redaction.js'
import type { Runtime } from './runtime.js'

type EventInput = Partial<Omit<NewEvent, 'at'>> & Pick<NewEvent, 'type'>

/** An attempt that this process runs: the record as last committed, the leases that guard it, and the way to write to both. */
export class Attempt {
  readonly abort = new AbortController()
  redact: Redactor = redactor([])
  /** The lease of resource and target, once it is taken. */
  resourceLease: LeaseRef | undefined
  /** As whom it raises the fences. */
  fenceOwner: string
  /** What is live on the machine may have been deployed with another store, and is not known here. */
  outdated = false
  /** What others left open there is still to be judged, once the fence is raised. */
  unjudged = false
  private displaced: RouteTable | undefined
  private hold: MachineHold | undefined
  private readonly over = new AbortController()
  /** From the intended promotion on, and while compensation runs: a cancel no longer interrupts. */
  settled = false
  /** Of the rollout that it belongs to. */
  hooks: AttemptHooks = {}
  private readonly lines: LogLines
  private readonly recording: Recording
  private readonly heartbeat: Heartbeat

  constructor(
    readonly runtime: Runtime,
    record: DeploymentRecord,
    readonly attemptLease: LeaseRef,
    readonly target: Target,
    /** The last sequence that is known; undefined: not known yet. */
    sequence?: number,
  ) {
    this.fenceOwner = record.id
    runtime.holdings.add(attemptLease)
    const journal = new Journal(runtime, record.id, () => this.guards(), this.signal, sequence)
    this.lines = new LogLines(
      runtime,
      () => this.redact,
      () => this.recording.flushLines(),
    )
    this.recording = new Recording(runtime, record, journal, this.lines, {
      interrupts: () => !this.settled,
      lost: (error) => this.abort.abort(error),
    })
    this.heartbeat = new Heartbeat(runtime, record.id, () => this.leases(), {
      lost: (error) => this.abort.abort(error),
      canceled: () => this.cancel(),
    })
  }

  /** As last committed. */
  get record(): DeploymentRecord {
    return this.recording.record
  }

  set record(read: DeploymentRecord) {
    this.recording.record = read
  }

  get id(): string {
    return this.record.id
  }

  /** The record with what is not committed yet. */
  get present(): DeploymentRecord {
    return this.recording.present
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
    return cleaned(this.redact, {
      at: this.runtime.now(),
      ...(currentPhase === null ? {} : { phase: currentPhase }),
      ...rest,
      ...(message === undefined ? {} : { message }),
      data: data ?? {},
    })
  }

  /** Becomes part of the next commit, which comes before anything that waits. */
  defer(input: { set?: Commit['set']; events?: NewEvent[] }): void {
    this.recording.defer(input)
  }

  /** Before a wait: what was deferred is told now. */
  settle(): Promise<void> {
    return this.recording.settle()
  }

  /** One journal boundary. Errors: `canceled`, where that was asked for meanwhile. */
  commit(input: Entry): Promise<DeploymentRecord> {
    return this.recording.commit(input)
  }

  /** Until it is known what the store has taken, nothing that was sent can be built on. */
  known(): Promise<void> {
    return this.recording.known()
  }

  guards(): LeaseRef[] {
    const early = ['queued', 'detecting', 'planning'].includes(this.record.status)
    return this.resourceLease !== undefined && !early ? [this.resourceLease] : [this.attemptLease]
  }

  leases(): LeaseRef[] {
    return this.resourceLease === undefined ? [this.attemptLease] : [this.attemptLease, this.resourceLease]
  }

  /** From here on each entry names what another store deployed and the proxy served: this attempt's own store knows no way back to it. */
  displaces({ routes, live, identity }: RouteTable): void {
    this.displaced = { routes, live, identity, staged: null, verify: null }
  }

  /** What another store deployed and this attempt takes the place of, also after a crash. Null: nothing that is known. */
  get strange(): RouteTable | null {
    return this.displaced ?? routeTableSchema.safeParse(this.present.journal?.data.displaced).data ?? null
  }

  entry(step: Step, state: JournalEntry['state'], data: JsonObject): JournalEntry {
    const { strange } = this
    return { step, state, data: strange === null ? data : { ...data, displaced: strange } }
  }

  /** Intent before the effect; the result with the next boundary, since steps follow each other. */
  async step<T>(phase: Phase, step: Step, data: JsonObject, work: () => Promise<T>, rest: Entry = {}): Promise<T> {
    await this.stillHolds()
    await this.commit({
      ...rest,
      set: { ...rest.set, journal: this.entry(step, 'intended', data) },
      events: [...(rest.events ?? []), this.event({ type: 'step-started', phase, step, data })],
    })
    return await this.within(phase, step, data, work)
  }

  /** A step that changes nothing: its begin is told with the next boundary too, or before its first wait, by `settle`. */
  async look<T>(phase: Phase, step: Step, data: JsonObject, work: () => Promise<T>): Promise<T> {
    this.defer({
      set: { journal: this.entry(step, 'intended', data) },
      events: [this.event({ type: 'step-started', phase, step, data })],
    })
    return await this.within(phase, step, data, work)
  }

  private async within<T>(phase: Phase, step: Step, data: JsonObject, work: () => Promise<T>): Promise<T> {
    this.lines.begin()
    try {
      // What was held back of its output belongs before its end.
      const result = await work().finally(() => this.lines.end())
      if (!this.settled) this.signal.throwIfAborted()
      this.defer({
        set: { journal: this.entry(step, 'done', data) },
        events: [this.event({ type: 'step-succeeded', phase, step })],
      })
      return result
    } catch (error) {
      const failed = toAppaloftError(this.signal.aborted && !this.settled ? (this.signal.reason ?? error) : error)
      if (isLost(error) || isLost(failed)) throw error
      const { message, code } = failed
      this.defer({
        set: { journal: this.entry(step, 'failed', data) },
        events: [this.event({ type: 'step-failed', phase, step, level: 'error', message, data: { code } })],
      })
      throw failed
    }
  }

  /** A line of output. Batched for at most 100 ms; bounded for each step. Never throws. */
  log(step: Step, line: LogLine, source: 'build' | 'runtime' = 'build'): void {
    this.lines.add(this.record.currentPhase, step, line, source)
  }

  /** Recorded and told. */
  async warn(warning: Reason): Promise<void> {
    const { code, message, phase } = warning
    await this.commit({
      set: { warnings: [...this.present.warnings, cleaned(this.redact, warning)] },
      events: [this.event({ type: 'warning', phase, level: 'warn', message, data: { code } })],
    })
  }

  /** @param reason what its failure will be, where nobody asked for a cancel */
  cancel(reason = canceled()): void {
    if (!this.settled) this.abort.abort(reason)
  }

  /** The fences are raised: the machine is this attempt's, and says so to whoever asks. */
  holdMachine(token: number): void {
    const held = { resourceId: this.record.resourceId, token }
    this.hold = new MachineHold(this.runtime, this.target, held, {
      lost: (error) => this.abort.abort(error),
      // A removal is no attempt that takes its place.
      wanted: (by) => {
        if (!isDeployment(by)) this.cancel()
        else if (!this.settled) this.abort.abort(supersededBy(by))
      },
    })
  }

  /** It has raised the fences. */
  get raised(): boolean {
    return this.hold !== undefined
  }

  /** What is looked at while other things are done; it ends with the attempt at the latest. */
  beside<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const looked = work(AbortSignal.any([this.signal, this.over.signal]))
    this.runtime.beside(looked.catch(() => undefined))
    return looked
  }

  /** Before what cannot be taken back. Errors: `fenced`. */
  async stillHolds(): Promise<void> {
    await this.hold?.sure()
  }

  /** Ends what runs beside the attempt. Leases are released by the last commit. */
  async end(): Promise<void> {
    this.over.abort()
    await this.recording.end()
    await this.heartbeat.stop()
    await this.hold?.letGo()
    for (const lease of this.leases()) this.runtime.holdings.drop(lease)
  }
}
