import { AppaloftError, type Route, type RouteTable, type UpstreamSet } from '@appaloft/core/spec'
import type { Thing } from './machine.js'
import type { Mark } from './parts/marks.js'
import type { Simulation } from './simulation.js'

export const proxyHost = '192.0.2.1'
const sharedPort = 80

export interface Answer {
  status: number
  identity: string | undefined
  /** Who answered, where somebody did. */
  thing: Thing | undefined
  set: 'live' | 'staged' | 'none'
  resourceId: string | undefined
}

const nameOf = (route: Route) => `${route.hostname}${route.pathPrefix}`

/** The proxy of the simulated target: its tables, and who answers a request. */
export class Routing {
  readonly tables = new Map<string, RouteTable>()
  readonly marks = new Map<string, Mark>()
  readonly #ports = new Map<string, number>()

  constructor(private readonly simulation: Simulation) {}

  port(resourceId: string): number {
    const named = this.tables.get(resourceId)?.routes.some((one) => one.hostname !== null) ?? false
    if (named) return sharedPort
    const own = this.#ports.get(resourceId) ?? 8000 + this.#ports.size
    this.#ports.set(resourceId, own)
    return own
  }

  apply(resourceId: string, table: RouteTable): void {
    const mine = new Set(table.routes.filter((one) => one.hostname !== null).map(nameOf))
    for (const [other, { routes }] of this.tables) {
      if (other !== resourceId && routes.some((one) => mine.has(nameOf(one))))
        throw new AppaloftError('route-conflict', { message: `${other} already serves one of the routes.` })
    }
    const former = this.live(resourceId)
    this.tables.set(resourceId, structuredClone(table))
    this.#left(former, resourceId)
  }

  remove(resourceId: string): void {
    const former = this.live(resourceId)
    this.tables.delete(resourceId)
    this.#left(former, resourceId)
  }

  /** The release that a table names as live, whether it runs or not. */
  live(resourceId: string): Thing | undefined {
    const live = this.tables.get(resourceId)?.live
    return live == null ? undefined : this.simulation.machine.find(live)
  }

  /** A request to the proxy: by port and host header, with the verification token or without. */
  ask(port: number, host: string, token: string | undefined): Answer {
    const found = [...this.tables].find(([resourceId, { routes }]) =>
      port === sharedPort
        ? routes.some((one) => one.hostname === host)
        : this.#ports.get(resourceId) === port && routes.some((one) => one.hostname === null),
    )
    if (found === undefined)
      return { status: 404, identity: undefined, thing: undefined, set: 'none', resourceId: undefined }
    const [resourceId, table] = found
    const verified = table.verify !== null && token === table.verify.token
    const staged = verified && table.staged !== null
    const upstream = staged ? table.staged : table.live
    if (upstream === null) return { status: 503, identity: undefined, thing: undefined, set: 'none', resourceId }
    const identity = verified || table.identity === 'always' ? upstream.deploymentId : undefined
    const thing = this.#behind(upstream)
    const rest = { identity, thing, set: staged ? ('staged' as const) : ('live' as const), resourceId }
    if (thing === undefined) return { status: 502, ...rest }
    return { status: staged ? thing.behaviour.status : liveStatus(thing), ...rest }
  }

  #behind({ addresses: [address] }: UpstreamSet): Thing | undefined {
    return address?.kind === 'tcp' ? this.simulation.machine.at(address.host, address.port) : undefined
  }

  #left(former: Thing | undefined, resourceId: string): void {
    if (former !== undefined && this.live(resourceId) !== former) former.leftAt = this.simulation.now
  }
}

const liveStatus = ({ behaviour }: Thing): number =>
  behaviour.status === 200 ? behaviour.liveStatus : behaviour.status
