import { createServer, type IncomingMessage, request as open, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  AppaloftError,
  identityHeader,
  type Proxy,
  type ProxyCapabilities,
  type Route,
  type RouteTable,
  type UpstreamSet,
  verifyHeader,
} from '@appaloft/core/spec'
import { FakeWorld } from './world.js'

export interface FakeProxyOptions {
  /** Default `fake-proxy`. */
  key?: string
  /** Default: one of its own. */
  world?: FakeWorld
  capabilities?: Partial<ProxyCapabilities>
}

export type FakeProxy = Proxy & { readonly world: FakeWorld }

/** What the listeners of a world share: a new proxy object on the same world finds the same servers, routes and counts. */
class Listeners {
  readonly inFlight = new Map<string, Map<string, number>>()
  readonly open = new Map<string, Set<ServerResponse>>()
  readonly #own = new Map<string, Promise<number>>()
  #shared: Promise<number> | undefined

  constructor(readonly world: FakeWorld) {}

  /** The listener for hostnames. */
  shared(): Promise<number> {
    this.#shared ??= this.#listen((request) => this.#byHostname(request))
    return this.#shared
  }

  /** The listener of one resource without hostnames. */
  own(resourceId: string): Promise<number> {
    let port = this.#own.get(resourceId)
    if (port === undefined) {
      port = this.#listen((request) => {
        const table = this.world.tables.get(resourceId)
        const route = bestRoute(table?.routes.filter((one) => one.hostname === null) ?? [], request.url ?? '/')
        return table === undefined || route === undefined ? null : { resourceId, table, route }
      })
      this.#own.set(resourceId, port)
    }
    return port
  }

  #byHostname(request: IncomingMessage) {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
    const found = [...this.world.tables].flatMap(([resourceId, table]) =>
      table.routes.filter((route) => matchesHost(route, host)).map((route) => ({ resourceId, table, route })),
    )
    const route = bestRoute(
      found.map((one) => one.route),
      request.url ?? '/',
    )
    return found.find((one) => one.route === route) ?? null
  }

  async #listen(
    choose: (request: IncomingMessage) => { resourceId: string; table: RouteTable; route: Route } | null,
  ): Promise<number> {
    const server: Server = createServer((request, response) => {
      const chosen = choose(request)
      if (chosen === null) return void response.writeHead(404).end('no route')
      this.#serve(chosen.resourceId, chosen.table, chosen.route, request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    server.unref()
    this.world.onClose(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      this.#shared = undefined
      this.#own.clear()
    })
    return (server.address() as AddressInfo).port
  }

  #serve(
    resourceId: string,
    table: RouteTable,
    route: Route,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const verified = table.verify !== null && request.headers[verifyHeader] === table.verify.token
    const set = verified && table.staged !== null ? table.staged : table.live
    if (set === null) return void response.writeHead(503).end('no upstream')
    const visible = verified || table.identity === 'always'
    const identity = visible ? { [identityHeader]: set.deploymentId } : {}
    if (route.redirectTo !== null) {
      const base = route.redirectTo.includes('://') ? route.redirectTo : `http://${route.redirectTo}`
      return void response
        .writeHead(308, { location: base.replace(/\/$/, '') + (request.url ?? '/'), ...identity })
        .end()
    }
    const release = this.#count(resourceId, set, response)
    response.once('close', release)
    const address = set.addresses[0]!
    const headers = { ...request.headers }
    delete headers[verifyHeader]
    headers[identityHeader] = set.deploymentId
    const upstream = open(
      {
        ...(address.kind === 'tcp' ? { host: address.host, port: address.port } : { socketPath: address.path }),
        method: request.method,
        path: strip(route, request.url ?? '/'),
        headers,
        agent: false,
      },
      (answer) => {
        const back = { ...answer.headers }
        delete back[identityHeader]
        response.writeHead(answer.statusCode ?? 502, { ...back, ...identity })
        answer.pipe(response)
        answer.once('error', () => response.destroy())
      },
    )
    upstream.once('error', () => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502, identity).end('upstream failed')
    })
    response.once('close', () => upstream.destroy())
    request.pipe(upstream)
  }

  #count(resourceId: string, set: UpstreamSet, response: ServerResponse): () => void {
    const counts = this.inFlight.get(resourceId) ?? new Map<string, number>()
    this.inFlight.set(resourceId, counts)
    const id = set.deploymentId
    counts.set(id, (counts.get(id) ?? 0) + 1)
    const responses = this.open.get(`${resourceId}/${id}`) ?? new Set()
    this.open.set(`${resourceId}/${id}`, responses.add(response))
    return () => {
      responses.delete(response)
      const left = (counts.get(id) ?? 1) - 1
      if (left === 0) counts.delete(id)
      else counts.set(id, left)
    }
  }
}

const shared = new WeakMap<FakeWorld, Listeners>()

/** A reverse proxy inside this process: live and staged routes, identity, fence and counts, as the contract says. No WebSockets. */
export function fakeProxy(options: FakeProxyOptions = {}): FakeProxy {
  const world = options.world ?? new FakeWorld()
  const listeners = shared.get(world) ?? new Listeners(world)
  shared.set(world, listeners)
  const told = (method: string, resourceId: string, rest: { token?: number; signal?: AbortSignal } = {}) => ({
    part: 'proxy' as const,
    method,
    resourceId,
    ...(rest.token === undefined ? {} : { token: rest.token }),
    ...(rest.signal === undefined ? {} : { signal: rest.signal }),
  })

  return {
    specVersion: 1,
    key: options.key ?? 'fake-proxy',
    capabilities: {
      staged: true,
      identity: true,
      websocket: false,
      tls: false,
      wildcardHostnames: true,
      resourcePort: true,
      promotionVisibleMs: 1,
      fencing: 'compare',
      inFlight: true,
      ...options.capabilities,
    },
    world,

    mark: (resourceId, call = {}) =>
      world.call(told('mark', resourceId, call), () => world.proxyMarks.read(resourceId)),

    fence: (resourceId, token, { signal, ...rest }) =>
      world.call(told('fence', resourceId, { token, ...(signal ? { signal } : {}) }), () =>
        world.proxyMarks.raise(resourceId, token, rest),
      ),

    apply: (resourceId, table, token, call = {}) =>
      world.call(told('apply', resourceId, { token, ...call }), async () => {
        world.proxyMarks.check(resourceId, token)
        if (table.routes.some((route) => route.hostname === null)) await listeners.own(resourceId)
        world.proxyMarks.check(resourceId, token)
        refuseConflict(world, resourceId, table)
        world.tables.set(resourceId, structuredClone(table))
      }),

    observe: (resourceId, call = {}) =>
      world.call(told('observe', resourceId, call), () => {
        const table = world.tables.get(resourceId) ?? null
        const counts = new Map([table?.live, table?.staged].flatMap((set) => (set ? [[set.deploymentId, 0]] : [])))
        for (const [id, count] of listeners.inFlight.get(resourceId) ?? []) counts.set(id, count)
        return {
          table: table === null ? null : structuredClone(table),
          token: world.proxyMarks.read(resourceId),
          inFlight: [...counts].map(([deploymentId, count]) => ({ deploymentId, count })),
        }
      }),

    endpoint: (resourceId, call = {}) =>
      world.call(told('endpoint', resourceId, call), async () => {
        const table = world.tables.get(resourceId)
        const named = table?.routes.some((route) => route.hostname !== null) ?? false
        const port = named ? await listeners.shared() : await listeners.own(resourceId)
        return {
          address: { kind: 'tcp' as const, host: '127.0.0.1', port },
          publicScheme: 'http' as const,
          publicPort: port,
        }
      }),

    remove: (resourceId, token, call = {}) =>
      world.call(told('remove', resourceId, { token, ...call }), () => {
        world.proxyMarks.check(resourceId, token)
        world.tables.delete(resourceId)
      }),

    cut: (resourceId, deploymentId, token, call = {}) =>
      world.call(told('cut', resourceId, { token, ...call }), () => {
        world.proxyMarks.check(resourceId, token)
        const table = world.tables.get(resourceId)
        if (table?.live?.deploymentId === deploymentId || table?.staged?.deploymentId === deploymentId) return
        for (const response of listeners.open.get(`${resourceId}/${deploymentId}`) ?? []) response.destroy()
      }),
  }
}

function refuseConflict(world: FakeWorld, resourceId: string, table: RouteTable): void {
  const mine = new Set(table.routes.filter((one) => one.hostname !== null).map(routeName))
  for (const [other, { routes }] of world.tables) {
    const clash = other === resourceId ? undefined : routes.find((one) => mine.has(routeName(one)))
    if (clash === undefined) continue
    throw new AppaloftError('route-conflict', {
      message: `${other} already serves ${clash.hostname}${clash.pathPrefix}.`,
      details: { resourceId: other },
    })
  }
}

const routeName = (route: Route) => `${route.hostname}${route.pathPrefix.replace(/\/$/, '')}`

const matchesHost = (route: Route, host: string) =>
  route.hostname === host ||
  (route.hostname?.startsWith('*.') === true && host.split('.').slice(1).join('.') === route.hostname.slice(2))

const under = (prefix: string, path: string) => {
  const bare = prefix.replace(/\/$/, '')
  return path === bare || path.startsWith(`${bare}/`)
}

/** The longest prefix on segment borders wins; an exact hostname before a wildcard. */
const bestRoute = (routes: readonly Route[], url: string): Route | undefined => {
  const path = url.split('?')[0] ?? '/'
  const weight = (route: Route) =>
    route.pathPrefix.replace(/\/$/, '').length * 2 + (route.hostname?.startsWith('*.') ? 0 : 1)
  return routes.filter((route) => under(route.pathPrefix, path)).sort((a, b) => weight(b) - weight(a))[0]
}

const strip = (route: Route, url: string): string => {
  if (route.pathHandling === 'preserve') return url
  const rest = url.slice(route.pathPrefix.replace(/\/$/, '').length)
  return rest.startsWith('/') ? rest : `/${rest}`
}
