import { CodedError } from '../shared/errors.js'
import { isRecord, type JsonRecord, readRecord, writeJson } from '../shared/files.js'
import type { Layout } from '../shared/paths.js'
import { ask } from '../shared/talk.js'
import type { Helper } from './helper.js'

export interface Site {
  /** Absolute: the folder that is served. */
  root: string
  spaFallback: boolean
  port: number
}

/** The table that the static helper serves: on disk, so that the helper comes back as it was without anybody's help. */
export class StaticSites {
  readonly #sites: Map<string, Site>

  constructor(
    readonly layout: Layout,
    readonly helper: Helper,
  ) {
    this.#sites = new Map()
  }

  get empty(): boolean {
    return this.#sites.size === 0
  }

  add(name: string, site: Site): void {
    this.#sites.set(name, site)
    this.save()
    this.helper.wanted = true
  }

  /** @returns was it there? */
  drop(name: string): boolean {
    const dropped = this.#sites.delete(name)
    if (dropped) this.save()
    return dropped
  }

  save(): void {
    writeJson(this.layout.staticTable, { sites: Object.fromEntries(this.#sites) })
  }

  /** Makes the helper serve the table. Resolves when `port` is listened on. */
  async apply(port?: number): Promise<void> {
    if (this.empty && this.helper.status() === null) return
    await this.helper.ready()
    const problems = await this.#tell().catch(async () => {
      // It died just now: the next one reads the table when it starts.
      await this.helper.ready()
      return await this.#tell()
    })
    const problem = port === undefined ? undefined : problems[String(port)]
    if (typeof problem === 'string')
      throw new CodedError('start-failed', `The static server cannot listen on port ${port}: ${problem}.`)
  }

  async #tell(): Promise<JsonRecord> {
    const { problems } = await ask(this.layout.socket('static').path, {}, { timeoutMs: 10_000 })
    return isRecord(problems) ? problems : {}
  }
}

export function readSites(layout: Layout): Map<string, Site> {
  const record = readRecord(layout.staticTable)
  const sites = isRecord(record?.sites) ? record.sites : {}
  return new Map(
    Object.entries(sites).flatMap(([name, value]) => {
      if (!isRecord(value)) return []
      const { root, spaFallback, port } = value
      if (typeof root !== 'string' || typeof spaFallback !== 'boolean' || typeof port !== 'number') return []
      return [[name, { root, spaFallback, port }]]
    }),
  )
}
