import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { CallOptions } from '@appaloft/core/spec'
import { AdminApi, type Configuration, NotRunning } from './admin.js'
import type { Entry } from './entries.js'
import { initialConfig } from './initial.js'
import type { Elsewhere } from './machine.js'
import type { Settings } from './options.js'
import { place, readEntries } from './place.js'
import { unavailable } from './unavailable.js'

/** Somebody else who writes the configuration all the time is given way so long. */
const patienceMs = 30_000
/** Once it was started, Caddy is asked for this long. */
const startMs = 10_000

export interface Change {
  /** All entries of ours, from those that are there. Throws where that may not be. */
  entries(present: Entry[], read: Configuration): Entry[]
  /** Asked just before a write: throws where a newer holder came. */
  allowed(): Promise<unknown>
  /** Where the markers are, as Caddy sees it. */
  root: string
  /** The configuration where it was read already. */
  known?: Configuration
}

/** What of a running Caddy is ours. */
export class OurPart {
  readonly #api: AdminApi
  #last: Pick<Configuration, 'config'> | null = null

  constructor(
    readonly settings: Settings,
    private readonly elsewhere: Elsewhere | null = null,
  ) {
    this.#api = new AdminApi(settings, elsewhere)
  }

  /** The configuration as it was read or written last; null: it was not yet. */
  get last(): Pick<Configuration, 'config'> | null {
    return this.#last
  }

  read(options?: CallOptions): Promise<Configuration> {
    return this.#running(() => this.#configuration(options), options)
  }

  /** The same of one that runs; null: it does not, and is not started. */
  peek = (options: CallOptions = {}) => unlessStopped(this.#configuration(options))
  inFlightIfRunning = (options: CallOptions = {}) => unlessStopped(this.#api.inFlight(options))

  inFlight(options?: CallOptions): Promise<Map<string, number>> {
    return this.#running(() => this.#api.inFlight(options), options)
  }

  entries({ config }: Pick<Configuration, 'config'>): Entry[] {
    return readEntries(config, this.settings)
  }

  /** Makes our part equal to what `entries` says, in one write, and tries again where somebody else wrote meanwhile. */
  async change({ entries, allowed, root, known }: Change, options: CallOptions = {}): Promise<void> {
    const deadline = performance.now() + patienceMs
    for (let tries = 1; ; tries++) {
      const read = tries === 1 && known !== undefined ? known : await this.read(options)
      const next = place(read.config, entries(this.entries(read), read), this.settings, root)
      if (isDeepStrictEqual(next, read.config ?? {})) {
        // It may have been this that was cut off.
        if (tries > 1) this.elsewhere?.renew()
        return
      }
      await allowed()
      options.signal?.throwIfAborted()
      try {
        if (await this.#api.replace(next, read.etag, options)) {
          this.#last = { config: next }
          this.elsewhere?.renew()
          return
        }
      } catch (error) {
        // Cut off while it was loaded: reading it again tells.
        if (!(error instanceof NotRunning) || performance.now() > deadline) throw error
      }
      if (performance.now() > deadline)
        throw unavailable('Caddy’s configuration is changed by somebody else all the time.')
      await sleep(Math.random() * Math.min(20 * tries, 200))
    }
  }

  async #configuration(options?: CallOptions): Promise<Configuration> {
    const read = await this.#api.configuration(options)
    this.#last = read
    return read
  }

  async #running<T>(call: () => Promise<T>, options: CallOptions = {}): Promise<T> {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error
    }
    // Not the context's `ensure`: a target that runs a proxy of its own has it start that one.
    const { start } = this.settings
    await start?.({ ...options, config: initialConfig({ admin: this.settings.admin.replace(/^http:\/\//, '') }) })
    const deadline = performance.now() + (start === null ? 1_000 : startMs)
    for (let pause = 20; ; pause = Math.min(pause * 2, 250)) {
      try {
        return await call()
      } catch (error) {
        if (!(error instanceof NotRunning)) throw error
        if (performance.now() > deadline)
          throw unavailable(
            'Caddy’s admin API does not answer.',
            'Start Caddy, or correct the option admin of the proxy.',
          )
      }
      await sleep(pause, undefined, options.signal === undefined ? {} : { signal: options.signal })
    }
  }
}

const unlessStopped = <T>(asked: Promise<T>): Promise<T | null> =>
  asked.catch((error: unknown) => {
    if (error instanceof NotRunning) return null
    throw error
  })
