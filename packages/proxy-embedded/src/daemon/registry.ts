import type { Endpoint, ProxyObservation, RouteTable, UpstreamSet } from '@appaloft/core/spec'
import type { ListenWish } from '../protocol.js'
import { type Stored, type StoredResource, writeStored } from '../stored.js'
import type { Plane } from './decide.js'
import { Fault, invalid, unavailable } from './fault.js'
import { type Listeners, ownPortHost, type Place } from './listeners.js'
import { Router, type Served, trimPrefix } from './router.js'
import { Tally, Upstream } from './upstream.js'

export interface RegistryOptions {
  plane: Plane
  listeners: Listeners
  stored: Stored
  tableFile: string
  /** Where the process that started the daemon decided about the shared listener. */
  fixed: ListenWish
  log(line: string): void
  /** Throws where another daemon took over. */
  assertMine(): void
}

const nobody: StoredResource = { token: 0, owner: '', port: null, table: null }

/** The proxy's state: durable in the table file, at work in the plane. Changes are made one after the other. */
export class Registry {
  readonly #served = new Map<string, Served>()
  readonly #tallies = new Map<string, Map<string, Tally>>()
  #stored: Stored
  #last: Promise<unknown> = Promise.resolve()

  constructor(readonly options: RegistryOptions) {
    this.#stored = options.stored
    for (const [resourceId, { table }] of options.stored.resources) {
      if (table !== null) this.#served.set(resourceId, this.#serve(resourceId, table))
    }
    options.plane.router = new Router(this.#served.values())
  }

  /** Opens what the table names. */
  async restore(): Promise<void> {
    const { fixed, listeners } = this.options
    const { listen, resources } = this.#stored
    const port = fixed.port ?? listen.port
    const named = [...resources.values()].some(({ table }) => table?.routes.some((route) => route.hostname !== null))
    const own: [string, number][] = []
    for (const [resourceId, entry] of resources) {
      if (entry.port !== null && needsPort(entry.table)) own.push([resourceId, entry.port])
    }
    const shared = named && port !== null ? { host: fixed.host ?? listen.host ?? ownPortHost, port } : null
    await listeners.restore(shared, own)
  }

  mark(resourceId: string): number {
    return this.#entry(resourceId).token
  }

  fence(resourceId: string, token: number, expected: number, owner: string): Promise<void> {
    return this.#serially(async () => {
      const entry = this.#entry(resourceId)
      if (token === entry.token && owner === entry.owner) return
      if (expected !== entry.token || token <= entry.token) throw fenced(resourceId, token, entry.token)
      await this.#write(resourceId, { ...entry, token, owner })
      this.options.log(`${resourceId}: fence raised to ${token}`)
    })
  }

  apply(resourceId: string, token: number, table: RouteTable, wish: ListenWish = {}): Promise<void> {
    return this.#serially(async () => {
      const entry = this.#guard(resourceId, token)
      this.#assertFree(resourceId, table)
      const { listeners, log } = this.options
      const prepared = await listeners.prepare(
        resourceId,
        this.#sharedPlace(table, wish),
        needsPort(table) ? { host: ownPortHost, port: entry.port } : null,
      )
      try {
        const listen = prepared.shared ?? this.#stored.listen
        const next: StoredResource = { ...entry, port: prepared.ownPort ?? entry.port, table }
        const unchanged =
          listen.port === this.#stored.listen.port &&
          listen.host === this.#stored.listen.host &&
          JSON.stringify(next) === JSON.stringify(entry)
        if (!unchanged) await this.#write(resourceId, next, listen)
      } catch (error) {
        prepared.abort()
        throw error
      }
      this.#swap(resourceId, table)
      prepared.commit()
      log(`${resourceId}: live ${table.live?.deploymentId ?? 'none'}, staged ${table.staged?.deploymentId ?? 'none'}`)
    })
  }

  remove(resourceId: string, token: number): Promise<void> {
    return this.#serially(async () => {
      const entry = this.#guard(resourceId, token)
      if (entry.table === null && entry.port === null) return
      await this.#write(resourceId, { ...entry, port: null, table: null })
      this.#swap(resourceId, null)
      this.options.listeners.closeOwn(resourceId)
      this.options.log(`${resourceId}: removed`)
    })
  }

  cut(resourceId: string, deploymentId: string, token: number): Promise<void> {
    return this.#serially(async () => {
      const { table } = this.#guard(resourceId, token)
      if (names(table, deploymentId)) return
      const tally = this.#tallies.get(resourceId)?.get(deploymentId)
      if (tally === undefined) return
      if (tally.open.size > 0) this.options.log(`${resourceId}: ${tally.open.size} cut from ${deploymentId}`)
      for (const open of [...tally.open]) open.destroy()
    })
  }

  observe(resourceId: string): ProxyObservation {
    const { token, table } = this.#entry(resourceId)
    this.#forgetIdle(resourceId, table)
    const tallies = [...(this.#tallies.get(resourceId)?.values() ?? [])]
    return { table, token, inFlight: tallies.map(({ deploymentId, open }) => ({ deploymentId, count: open.size })) }
  }

  endpoint(resourceId: string): Endpoint {
    const { table } = this.#entry(resourceId)
    if (table === null || table.routes.length === 0) {
      throw new Fault('resource-not-found', `The proxy has no route of ${resourceId}.`, { resourceId })
    }
    const { listeners } = this.options
    const bound = needsPort(table) ? listeners.own(resourceId) : listeners.shared
    if (bound === null || bound.problem !== null) throw unavailable(bound?.problem ?? 'The listener is not open.')
    const host = needsPort(table) ? ownPortHost : reachable(listeners.shared!.host)
    return { address: { kind: 'tcp', host, port: bound.port }, publicScheme: 'http', publicPort: bound.port }
  }

  /** Everything that is open, when the daemon ends. */
  destroyAll(): void {
    for (const tallies of this.#tallies.values()) {
      for (const tally of tallies.values()) for (const open of [...tally.open]) open.destroy()
    }
    for (const one of this.#served.values()) for (const upstream of upstreamsOf(one)) upstream.retire()
  }

  get busy(): boolean {
    for (const tallies of this.#tallies.values()) {
      for (const tally of tallies.values()) if (tally.open.size > 0) return true
    }
    return false
  }

  #serially<T>(change: () => Promise<T>): Promise<T> {
    const next = this.#last.then(change, change)
    this.#last = next.catch(() => {})
    return next
  }

  #entry(resourceId: string): StoredResource {
    return this.#stored.resources.get(resourceId) ?? nobody
  }

  #guard(resourceId: string, token: number): StoredResource {
    const entry = this.#entry(resourceId)
    if (token < entry.token) throw fenced(resourceId, token, entry.token)
    return entry
  }

  /** A hostname and path prefix belong to one resource; a path without hostname to its own port. */
  #assertFree(resourceId: string, table: RouteTable): void {
    const mine = new Set<string>()
    for (const route of table.routes) {
      const key = `${route.hostname ?? ''} ${trimPrefix(route.pathPrefix)}`
      if (mine.has(key)) throw invalid(`The table names ${route.hostname ?? 'its own port'}${route.pathPrefix} twice.`)
      mine.add(key)
    }
    for (const [otherId, { table: other }] of this.#stored.resources) {
      if (otherId === resourceId || other === null) continue
      for (const { hostname, pathPrefix } of other.routes) {
        if (hostname === null || !mine.has(`${hostname} ${trimPrefix(pathPrefix)}`)) continue
        throw new Fault('route-conflict', `${hostname}${pathPrefix} belongs to ${otherId}.`, {
          hostname,
          pathPrefix,
          resourceId: otherId,
        })
      }
    }
  }

  #sharedPlace(table: RouteTable, wish: ListenWish): Place | null {
    if (table.routes.every((route) => route.hostname === null)) return null
    const { fixed } = this.options
    const { listen } = this.#stored
    return {
      host: fixed.host ?? wish.host ?? listen.host ?? ownPortHost,
      port: fixed.port ?? wish.port ?? listen.port,
    }
  }

  async #write(resourceId: string, entry: StoredResource, listen = this.#stored.listen): Promise<void> {
    const { assertMine, tableFile } = this.options
    const next: Stored = { ...this.#stored, listen, resources: new Map(this.#stored.resources).set(resourceId, entry) }
    assertMine()
    try {
      await writeStored(tableFile, next)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOSPC' || code === 'EDQUOT') throw new Fault('disk-full', 'The proxy’s table cannot be written.')
      throw unavailable(`The proxy’s table cannot be written: ${code ?? 'error'}.`)
    }
    assertMine()
    this.#stored = next
  }

  /** The one moment of a promotion: no request sees a half of it. */
  #swap(resourceId: string, table: RouteTable | null): void {
    const before = this.#served.get(resourceId)
    if (table === null) this.#served.delete(resourceId)
    else this.#served.set(resourceId, this.#serve(resourceId, table, before))
    this.options.plane.router = new Router(this.#served.values())
    this.#forgetIdle(resourceId, table)
    if (before === undefined) return
    const kept = new Set(upstreamsOf(this.#served.get(resourceId)))
    for (const upstream of upstreamsOf(before)) if (!kept.has(upstream)) upstream.retire()
  }

  #serve(resourceId: string, table: RouteTable, before?: Served): Served {
    const present = upstreamsOf(before)
    const use = (set: UpstreamSet | null): Upstream | null => {
      if (set === null) return null
      const same = present.find((upstream) => sameSet(upstream.set, set))
      if (same !== undefined) return same
      const upstream = new Upstream(set, this.#tally(resourceId, set.deploymentId), this.options.plane)
      present.push(upstream)
      return upstream
    }
    return {
      resourceId,
      table,
      live: use(table.live),
      staged: use(table.staged),
      token: table.verify === null ? null : Buffer.from(table.verify.token, 'latin1'),
      hidesIdentity: table.identity === 'verified',
    }
  }

  #forgetIdle(resourceId: string, table: RouteTable | null): void {
    const tallies = this.#tallies.get(resourceId)
    for (const { deploymentId, open } of tallies?.values() ?? []) {
      if (open.size === 0 && !names(table, deploymentId)) tallies!.delete(deploymentId)
    }
  }

  #tally(resourceId: string, deploymentId: string): Tally {
    const tallies = this.#tallies.get(resourceId) ?? new Map<string, Tally>()
    this.#tallies.set(resourceId, tallies)
    const tally = tallies.get(deploymentId) ?? new Tally(deploymentId)
    tallies.set(deploymentId, tally)
    return tally
  }
}

const fenced = (resourceId: string, token: number, mark: number): Fault =>
  new Fault('fenced', `A newer holder raised the fence of ${resourceId} at the proxy.`, { resourceId, token, mark })

const needsPort = (table: RouteTable | null): boolean => table?.routes.some((route) => route.hostname === null) ?? false

const names = (table: RouteTable | null, deploymentId: string): boolean =>
  table?.live?.deploymentId === deploymentId || table?.staged?.deploymentId === deploymentId

const upstreamsOf = (served: Served | undefined): Upstream[] =>
  served === undefined ? [] : [served.live, served.staged].filter((upstream) => upstream !== null)

const sameSet = (a: UpstreamSet, b: UpstreamSet): boolean => JSON.stringify(a) === JSON.stringify(b)

/** How this machine reaches a listener that binds every address. */
const reachable = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host)
