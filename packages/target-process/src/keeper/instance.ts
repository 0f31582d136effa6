import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { CodedError } from '../shared/errors.js'
import { errorCode } from '../shared/files.js'
import { endGroup, groupMembers, labelled } from '../shared/groups.js'
import { environmentOf, identify, isAlive, type ProcessIdentity, processTable } from '../shared/processes.js'
import type { InstanceRecord, ReleaseMeta } from '../shared/records.js'
import { type Ports, portIsFree } from './ports.js'

export interface InstanceHost {
  readonly ports: Ports
  readonly logFile: string
  meta(): ReleaseMeta
  /** Something about the record changed: it is written down before this returns. */
  changed(): void
  log(text: string): void
}

const firstDelayMs = 100
const longestDelayMs = 30_000
/** After running this long a crash counts as the first again. */
const stableMs = 30_000
/** A candidate that ends this early may have lost its port to somebody else. */
const portLossMs = 10_000

export const newRecord = (index: number): InstanceRecord => ({
  index,
  state: 'starting',
  identity: null,
  port: null,
  exitCode: null,
  signal: null,
  restarts: 0,
  startedAt: null,
})

/** One process of a release, with whatever it starts itself: begun, watched, begun again after a crash, ended. */
export class Instance {
  #startedAt = 0
  #crashes = 0
  #portsTried = 0
  #stopping = false
  #launching: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  /** Of a child of this keeper; null: adopted, or not running. */
  #child: ChildProcess | null = null

  constructor(
    readonly record: InstanceRecord,
    readonly host: InstanceHost,
  ) {
    if (record.port !== null) host.ports.reserve(record.port)
  }

  get running(): boolean {
    return this.record.state === 'running' || this.record.state === 'restarting' || this.record.state === 'starting'
  }

  /** Begins it. Fails with `start-failed` where the process cannot be made; that it ends at once is told by its state. */
  async start(): Promise<void> {
    this.#stopping = false
    await this.#launch()
  }

  async #launch(): Promise<void> {
    this.#launching = this.#doLaunch().finally(() => {
      this.#launching = null
    })
    await this.#launching
  }

  async #doLaunch(): Promise<void> {
    const meta = this.host.meta()
    if (meta.port.kind === 'fixed') this.record.port = meta.port.port
    else if (meta.port.kind === 'free' && this.record.port === null) this.record.port = await this.host.ports.take()
    this.record.state = 'starting'
    this.record.identity = null
    this.record.exitCode = null
    this.record.signal = null
    this.host.changed()
    const child = await this.#spawn(meta)
    this.#child = child
    this.#startedAt = performance.now()
    this.record.state = 'running'
    this.record.startedAt = new Date().toISOString()
    this.record.identity = identify(child.pid ?? 0)
    child.once('exit', (code, signal) => {
      this.#child = null
      void this.#ended(code, signal)
    })
    this.host.changed()
  }

  async #spawn(meta: ReleaseMeta): Promise<ChildProcess> {
    const [program = '', ...rest] = meta.argv
    const log = openSync(this.host.logFile, 'a', 0o600)
    try {
      const child = spawn(program, rest, {
        cwd: meta.directory,
        env: { ...meta.environment, ...(meta.portVariable ? { PORT: String(this.record.port) } : {}) },
        detached: true,
        // Its own open file, never a pipe to us: it must not notice when this keeper dies.
        stdio: ['ignore', log, log],
      })
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve)
        child.once('error', reject)
      })
      child.unref()
      return child
    } catch (error) {
      const why = errorCode(error) === 'ENOENT' ? `the command ${program} was not found` : errorCode(error)
      throw new CodedError('start-failed', `The release could not be started: ${why ?? 'its command cannot be run'}.`, {
        command: program,
      })
    } finally {
      closeSync(log)
    }
  }

  /** Takes over what a former keeper began. */
  adopt(): void {
    const { record } = this
    if (record.state === 'exited') return
    // A keeper that died between making the process and writing its name down left it to be found by its labels.
    if (record.identity === null) record.identity = this.#findByLabels()
    if (record.identity !== null && isAlive(record.identity)) {
      this.#startedAt = performance.now()
      if (record.state !== 'running') {
        record.state = 'running'
        this.host.changed()
      }
      return
    }
    void this.#ended(null, null)
  }

  #findByLabels(): ProcessIdentity | null {
    const { APPALOFT_DEPLOYMENT_ID, APPALOFT_RELEASE_ID } = this.host.meta().environment
    if (APPALOFT_DEPLOYMENT_ID === undefined || APPALOFT_RELEASE_ID === undefined) return null
    const ours = labelled({
      APPALOFT_DEPLOYMENT_ID,
      APPALOFT_RELEASE_ID,
      ...(this.record.port === null ? {} : { PORT: String(this.record.port) }),
    })
    const found = processTable().find((row) => row.pid === row.session && ours(row))
    return found === undefined || environmentOf(found.pid).size === 0 ? null : identify(found.pid)
  }

  /** Called often: the end of a process that is not this keeper's child tells itself to nobody. */
  tick(): void {
    const { record } = this
    if (this.#child !== null || record.state !== 'running' || record.identity === null) return
    if (!isAlive(record.identity)) void this.#ended(null, null)
  }

  async #ended(code: number | null, signal: string | null): Promise<void> {
    const { record, host } = this
    const ranMs = performance.now() - this.#startedAt
    if (!this.#stopping && (await this.#lostItsPort(ranMs)) && !this.#stopping) {
      host.log(`port ${record.port} was taken by someone else; starting on another one`)
      host.ports.free(record.port ?? 0)
      record.port = null
      return await this.#launch().catch((error: unknown) => this.#failed(error))
    }
    record.exitCode = code
    record.signal = signal
    const { desired, promoted } = host.meta()
    if (this.#stopping || desired === 'stopped' || !promoted) {
      record.state = 'exited'
      return host.changed()
    }
    if (ranMs >= stableMs) this.#crashes = 0
    this.#restartLater(`ended with ${signal ?? code ?? 'a code that nobody saw'}`)
  }

  #restartLater(why: string): void {
    const delay = Math.min(firstDelayMs * 2 ** this.#crashes, longestDelayMs)
    this.#crashes += 1
    this.record.state = 'restarting'
    this.host.changed()
    this.host.log(`instance ${this.record.index} ${why}; starting it again in ${delay} ms`)
    this.#timer = setTimeout(() => {
      this.#timer = null
      void this.#restart().catch((error: unknown) => this.#failed(error))
    }, delay)
  }

  async #restart(): Promise<void> {
    // What a crashed leader left behind may still hold its port.
    await this.#endGroup(1_000)
    if (this.#stopping) return
    this.record.restarts += 1
    await this.#launch()
  }

  #failed(error: unknown): void {
    const why = error instanceof Error ? error.message : 'unknown error'
    if (this.host.meta().promoted && !this.#stopping) {
      this.#restartLater(`could not be started (${why})`)
      return
    }
    this.record.state = 'exited'
    this.host.log(why)
    this.host.changed()
  }

  async #lostItsPort(ranMs: number): Promise<boolean> {
    const { record, host } = this
    if (host.meta().port.kind !== 'free' || host.meta().promoted || record.port === null || ranMs > portLossMs)
      return false
    if (this.#portsTried >= 3 || record.identity === null || (await portIsFree(record.port))) return false
    if (groupMembers(record.identity, { proof: this.#proof() }).length > 0) return false
    this.#portsTried += 1
    return true
  }

  #proof() {
    const { APPALOFT_DEPLOYMENT_ID, APPALOFT_RELEASE_ID } = this.host.meta().environment
    if (APPALOFT_DEPLOYMENT_ID === undefined || APPALOFT_RELEASE_ID === undefined) return () => false
    return labelled({ APPALOFT_DEPLOYMENT_ID, APPALOFT_RELEASE_ID })
  }

  async #endGroup(graceMs: number) {
    const { identity } = this.record
    if (identity === null) return { forced: false, left: 0 }
    return await endGroup(identity, { graceMs, proof: this.#proof() })
  }

  /** Ends it with everything that it started; resolves when nothing of it is left. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    await this.#launching?.catch(() => undefined)
    const ended = this.#child === null ? null : new Promise((resolve) => this.#child?.once('exit', resolve))
    const { forced, left } = await this.#endGroup(graceMs)
    if (left > 0) throw new CodedError('runtime-backend-unavailable', `${left} processes of the release do not end.`)
    // The exit event carries the code; it comes right after the end.
    await ended
    if (forced) this.host.log(`instance ${this.record.index} did not end within ${graceMs} ms and was killed`)
    if (this.record.state !== 'exited') {
      this.record.state = 'exited'
      this.host.changed()
    }
  }

  /** Gives its port back. */
  forget(): void {
    if (this.record.port !== null) this.host.ports.free(this.record.port)
  }
}
