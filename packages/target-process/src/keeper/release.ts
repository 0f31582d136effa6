import { existsSync, renameSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { makeFolder, syncFile, syncFolder, writeJson } from '../shared/files.js'
import { type Layout, releaseFiles } from '../shared/paths.js'
import { type InstanceRecord, type ReleaseMeta, readState } from '../shared/records.js'
import { Instance, newRecord } from './instance.js'
import type { Ports } from './ports.js'
import { mendRotation, rotateLog } from './rotate.js'
import type { StaticSites } from './sites.js'

export interface ReleaseHost {
  readonly layout: Layout
  readonly ports: Ports
  readonly sites: StaticSites
  log(text: string): void
}

/** One running release: processes, or a site of the static helper. What it does, it does one after the other. */
export class Release {
  readonly files: ReturnType<typeof releaseFiles>
  #instances: Instance[] = []
  #queue: Promise<unknown> = Promise.resolve()
  #busy = 0

  constructor(
    readonly folder: string,
    public meta: ReleaseMeta,
    readonly host: ReleaseHost,
  ) {
    this.files = releaseFiles(folder)
  }

  /** Does anything of it run, or shall it again? */
  get active(): boolean {
    return this.#busy > 0 || this.#instances.some((one) => one.running)
  }

  /** After everything that was asked before. */
  serial<T>(act: () => Promise<T>): Promise<T> {
    this.#busy += 1
    const result = this.#queue.then(act).finally(() => {
      this.#busy -= 1
    })
    this.#queue = result.catch(() => undefined)
    return result
  }

  /**
   * Writes down what is wanted, then does it. Only the answer waits for the disk: a power cut in between ends the processes too, so that
   * nothing runs of which nothing is written.
   */
  async start(): Promise<void> {
    makeFolder(this.folder)
    writeJson(this.files.meta, this.meta)
    this.#make(
      Array.from({ length: this.meta.kind === 'static' ? 1 : this.meta.replicas }, (_, index) => newRecord(index)),
    )
    this.#changed()
    try {
      await this.#startAll()
      syncFile(this.files.meta)
      for (const folder of [this.folder, dirname(this.folder), this.host.layout.releases]) syncFolder(folder)
    } catch (error) {
      // Nothing that did not start is kept: the attempt is told, and its next call begins anew.
      await this.#stopAll(1_000).catch(() => undefined)
      this.#forget()
      rmSync(this.folder, { recursive: true, force: true })
      throw error
    }
  }

  adopt(): void {
    mendRotation(this.files.log)
    this.#make(readState(this.folder).instances)
    if (this.meta.kind === 'static') {
      this.#adoptSite()
      return
    }
    if (this.#instances.length === 0) this.#make([newRecord(0)])
    for (const instance of this.#instances) instance.adopt()
  }

  /** A site needs no watching of its own: its helper serves what the table names. */
  #adoptSite(): void {
    const [instance] = this.#instances
    if (instance === undefined || instance.record.port === null || this.meta.desired === 'stopped') return
    this.host.sites.add(this.#siteName(), this.#site(instance.record.port))
  }

  async stop(graceMs: number): Promise<void> {
    if (this.meta.desired !== 'stopped') {
      this.meta = { ...this.meta, desired: 'stopped' }
      this.#save()
    }
    await this.#stopAll(graceMs)
  }

  async restart(): Promise<void> {
    this.meta = { ...this.meta, desired: 'running' }
    this.#save()
    if (this.#instances.some((one) => one.running)) return
    await this.#startAll()
  }

  promote(): void {
    if (this.meta.promoted) return
    this.meta = { ...this.meta, promoted: true }
    this.#save()
  }

  /** Ends it and forgets it. */
  async remove(graceMs: number): Promise<void> {
    await this.stop(graceMs)
    this.#forget()
    makeFolder(this.host.layout.trash)
    const trash = join(this.host.layout.trash, `${basename(this.folder)}-${Date.now()}`)
    renameSync(this.folder, trash)
    void rm(trash, { recursive: true, force: true }).catch(() => undefined)
  }

  tick(): void {
    if (this.meta.kind === 'static' || this.meta.desired === 'stopped') return
    for (const instance of this.#instances) instance.tick()
  }

  rotate(options: { bytes: number; files: number }): void {
    if (rotateLog(this.files.log, options)) this.host.log(`${this.meta.ref.deploymentId}: log rotated`)
  }

  async #startAll(): Promise<void> {
    if (this.meta.kind === 'process') {
      for (const instance of this.#instances) await instance.start()
      return
    }
    const { record } = this.#instances[0]!
    const rule = this.meta.port
    record.port ??= rule.kind === 'fixed' ? rule.port : await this.host.ports.take()
    this.host.sites.add(this.#siteName(), this.#site(record.port))
    await this.host.sites.apply(record.port)
    record.state = 'running'
    record.startedAt = new Date().toISOString()
    this.#changed()
  }

  async #stopAll(graceMs: number): Promise<void> {
    if (this.meta.kind === 'process') {
      const results = await Promise.allSettled(this.#instances.map((one) => one.stop(graceMs)))
      for (const result of results) if (result.status === 'rejected') throw result.reason
      return
    }
    if (this.host.sites.drop(this.#siteName())) await this.host.sites.apply()
    const record = this.#instances[0]?.record
    if (record === undefined) return
    record.state = 'exited'
    this.#changed()
  }

  #make(records: InstanceRecord[]): void {
    this.#instances = records.map(
      (record) =>
        new Instance(record, {
          ports: this.host.ports,
          logFile: this.files.log,
          meta: () => this.meta,
          changed: () => this.#changed(),
          log: (text) => this.host.log(`${this.meta.ref.deploymentId}: ${text}`),
        }),
    )
  }

  #forget(): void {
    for (const instance of this.#instances) instance.forget()
    this.#instances = []
  }

  #save(): void {
    writeJson(this.files.meta, this.meta, { durable: true })
  }

  #changed(): void {
    // A late word about a release that was removed makes no folder for it again.
    if (!existsSync(this.files.meta)) return
    writeJson(this.files.state, { instances: this.#instances.map((one) => one.record) })
  }

  #siteName(): string {
    return `${this.meta.ref.deploymentId}~${this.meta.ref.releaseId}`
  }

  #site(port: number) {
    return { root: this.meta.directory, spaFallback: this.meta.spaFallback, port }
  }
}
