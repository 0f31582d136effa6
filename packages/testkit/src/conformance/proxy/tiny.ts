import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type Address,
  AppaloftError,
  identityHeader,
  type Proxy,
  type Route,
  type RouteTable,
  type UpstreamSet,
} from '@appaloft/core/spec'
import { type Habits, soundHabits } from './habits.js'
import type { ProxySubject } from './world.js'

interface Entry {
  token: number
  owner: string
  port: number
  table: RouteTable | null
}

type Match = { resourceId: string; table: RouteTable; route: Route }

/** Something open to an upstream, and how it is ended. */
interface Running {
  resourceId: string
  deploymentId: string
  end(): void
}

/** What survives a restart. */
interface Disk {
  entries: Map<string, Entry>
  sharedPort: number
}

/**
 * The smallest proxy that keeps the whole contract, in this process: it shows that the suite asks for nothing else. Its habits can be
 * replaced one by one by wrong ones, and its methods too, to show that the suite notices.
 */
export class TinyProxy {
  readonly #habits: Habits
  readonly #servers = new Map<number, http.Server>()
  readonly #sockets = new Set<Duplex>()
  readonly running = new Set<Running>()
  disk: Disk = { entries: new Map(), sharedPort: 0 }
  /** The tables as they are served. */
  served = new Map<string, RouteTable>()
  #turn = 0

  constructor(habits: Partial<Habits> = {}) {
    this.#habits = { ...soundHabits, ...habits }
  }

  entry(resourceId: string): Entry {
    return this.disk.entries.get(resourceId) ?? { token: 0, owner: '', port: 0, table: null }
  }

  guard(resourceId: string, token: number): Entry {
    const entry = this.entry(resourceId)
    if (token < entry.token) throw new AppaloftError('fenced')
    return entry
  }

  readonly proxy: Proxy = {
    specVersion: 1,
    key: 'tiny',
    capabilities: {
      staged: true,
      identity: true,
      websocket: true,
      tls: false,
      wildcardHostnames: true,
      resourcePort: true,
      promotionVisibleMs: 1,
      fencing: 'compare',
      inFlight: true,
    },
    mark: async (resourceId) => this.entry(resourceId).token,
    fence: async (resourceId, token, { expected, owner, signal }) => {
      signal?.throwIfAborted()
      const entry = this.entry(resourceId)
      if (entry.token === token && entry.owner === owner) return
      if (entry.token !== expected || token <= entry.token) throw new AppaloftError('fenced')
      this.disk.entries.set(resourceId, { ...entry, token, owner })
    },
    apply: async (resourceId, table, token, options) => {
      options?.signal?.throwIfAborted()
      const entry = this.guard(resourceId, token)
      this.assertFree(resourceId, table)
      const named = table.routes.some((route) => route.hostname !== null)
      if (named && this.disk.sharedPort === 0) this.disk.sharedPort = await this.listen(0, null)
      if (!named && entry.port === 0) entry.port = await this.listen(0, resourceId)
      this.disk.entries.set(resourceId, { ...entry, table })
      this.serve(resourceId, table)
    },
    observe: async (resourceId) => {
      const { table, token } = this.entry(resourceId)
      const counts = new Map<string, number>()
      for (const set of [table?.live, table?.staged]) if (set) counts.set(set.deploymentId, 0)
      for (const one of this.running) {
        if (one.resourceId !== resourceId) continue
        counts.set(one.deploymentId, (counts.get(one.deploymentId) ?? 0) + 1)
      }
      return { table, token, inFlight: [...counts].map(([deploymentId, count]) => ({ deploymentId, count })) }
    },
    endpoint: async (resourceId) => {
      const port = this.entry(resourceId).port || this.disk.sharedPort
      return { address: { kind: 'tcp', host: '127.0.0.1', port }, publicScheme: 'http', publicPort: port }
    },
    remove: async (resourceId, token, options) => {
      options?.signal?.throwIfAborted()
      const entry = this.guard(resourceId, token)
      this.disk.entries.set(resourceId, { ...entry, table: null })
      this.serve(resourceId, null)
    },
    cut: async (resourceId, deploymentId, token) => {
      const { table } = this.guard(resourceId, token)
      if ([table?.live, table?.staged].some((set) => set?.deploymentId === deploymentId)) return
      for (const one of this.running) {
        if (one.resourceId === resourceId && one.deploymentId === deploymentId) one.end()
      }
    },
  }

  assertFree(resourceId: string, table: RouteTable): void {
    const key = (route: Route) => `${route.hostname}${route.pathPrefix}`
    const wanted = new Set(table.routes.filter((route) => route.hostname !== null).map(key))
    for (const [otherId, other] of this.disk.entries) {
      if (otherId === resourceId) continue
      if (other.table?.routes.some((route) => wanted.has(key(route)))) throw new AppaloftError('route-conflict')
    }
  }

  serve(resourceId: string, table: RouteTable | null): void {
    if (table === null) this.served.delete(resourceId)
    else this.served.set(resourceId, table)
    this.#habits.onSwap(this.#sockets)
  }

  subject(methods: Partial<Proxy> = {}, restart = () => this.restart()): ProxySubject {
    return { proxy: { ...this.proxy, ...methods }, restart, close: () => this.stop() }
  }

  async restart(): Promise<void> {
    await this.stop()
    if (this.disk.sharedPort !== 0) await this.listen(this.disk.sharedPort, null)
    for (const [resourceId, { port, table }] of this.disk.entries) {
      if (port !== 0) await this.listen(port, resourceId)
      if (table !== null) this.served.set(resourceId, table)
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    for (const one of this.running) one.end()
    await Promise.all([...this.#servers.values()].map((server) => new Promise((resolve) => server.close(resolve))))
    this.#servers.clear()
  }

  async listen(at: number, own: string | null): Promise<number> {
    const server = http.createServer({ insecureHTTPParser: this.#habits.lenientParser, keepAliveTimeout: 60_000 })
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.on('request', (req, res) => this.#request(own, req, res))
    server.on('checkContinue', (req, res) => {
      if (this.#habits.answersContinue) res.writeContinue()
      this.#request(own, req, res)
    })
    server.on('upgrade', (req, socket, first) => this.#upgrade(own, req, socket, first))
    await new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    this.#servers.set(port, server)
    return port
  }

  #match(own: string | null, req: http.IncomingMessage): Match | undefined {
    const host = (req.headers.host ?? '').toLowerCase().replace(/:\d+$/, '')
    const found: Match[] = []
    for (const [resourceId, table] of this.served) {
      if (own !== null && own !== resourceId) continue
      for (const route of table.routes) {
        const fits = route.hostname === null ? own !== null : this.#habits.hostFits(route.hostname, host)
        if (fits && this.#habits.hasPrefix(req.url!, route.pathPrefix)) found.push({ resourceId, table, route })
      }
    }
    return found.sort((a, b) => this.#habits.rank(a.route, b.route))[0]
  }

  #choose(match: Match, req: http.IncomingMessage): { set: UpstreamSet | null; identity: string | null } {
    const { table } = match
    const verified = this.#habits.isVerified(req, table, [...this.served.values()])
    const set = verified && this.#habits.stagedBy(table) ? this.#habits.stagedBy(table) : table.live
    return { set, identity: this.#habits.identity(table, set, verified) }
  }

  #request(own: string | null, req: http.IncomingMessage, res: http.ServerResponse): void {
    const habits = this.#habits
    const headersFor = (identity: string | null) => (identity === null ? [] : [identityHeader, identity])
    const match = this.#match(own, req)
    if (match === undefined) return void res.writeHead(404, habits.headersOfNobody).end()
    const { set, identity } = this.#choose(match, req)
    if (match.route.redirectTo !== null) {
      const { status, location } = habits.redirect(match.route, req)
      return void res.writeHead(status, ['Location', location, ...headersFor(identity)]).end()
    }
    if (set === null) return void res.writeHead(habits.statusOfNoneLive, headersFor(identity)).end()
    const running = this.#enter(match.resourceId, set, () => res.destroy())
    res.once('close', () => habits.onLeave(() => this.running.delete(running)))
    const addresses = habits.addresses(set.addresses, this.#turn++)
    habits.body(req, (body) => this.#send({ match, set, identity, addresses, req, res, body }))
  }

  #send(exchange: {
    match: Match
    set: UpstreamSet
    identity: string | null
    addresses: Address[]
    req: http.IncomingMessage
    res: http.ServerResponse
    body: Buffer
  }): void {
    const habits = this.#habits
    const { match, set, req, res, addresses, body } = exchange
    const [address, ...rest] = addresses
    const up = http.request({
      ...place(address!),
      agent: false,
      method: req.method!,
      path: habits.upstreamPath(match.route, req.url!),
      headers: habits.requestHeaders(req, set),
    })
    up.on('error', () => {
      if (res.headersSent) return
      if (rest.length > 0) return this.#send({ ...exchange, addresses: rest })
      res.writeHead(502, habits.errorHeaders(exchange.identity)).end()
    })
    up.on('response', (answer) => {
      const identity = habits.identityAtAnswer(exchange.identity, this.served.get(match.resourceId))
      res.writeHead(habits.status(answer.statusCode!), habits.answerHeaders(answer, identity))
      habits.answer(answer, res)
    })
    res.once('close', () => habits.onClientGone(up))
    habits.send(req, up, body)
  }

  #upgrade(own: string | null, req: http.IncomingMessage, socket: Duplex, first: Buffer): void {
    const habits = this.#habits
    socket.on('error', () => {})
    const match = this.#match(own, req)
    const chosen = match === undefined ? null : this.#choose(match, req)
    if (match === undefined || chosen?.set == null) return void socket.destroy()
    const { set, identity } = chosen
    const far = connectTo(set.addresses[0]!)
    far.on('error', () => {})
    const running = this.#enter(match.resourceId, set, () => socket.destroy())
    socket.once('close', () => habits.onTunnelEnd(far, () => this.running.delete(running)))
    far.once('close', () => habits.onFarEnd(socket))
    const lines = pairs(req.rawHeaders).map(([name, value]) => `${name}: ${value}\r\n`)
    far.write(`${req.method} ${req.url} HTTP/1.1\r\n${lines.join('')}\r\n`)
    far.write(first)
    far.once('data', (head: Buffer) => {
      const text = head.toString('latin1').replace(/x-appaloft-deployment: .*\r\n/i, '')
      const line = identity === null ? '' : `${identityHeader}: ${identity}\r\n`
      socket.write(text.replace('\r\n\r\n', `\r\n${habits.tunnelIdentity(line)}\r\n`), 'latin1')
      habits.tunnel(socket, far)
    })
  }

  #enter(resourceId: string, set: UpstreamSet, end: () => void): Running {
    const running = { resourceId, deploymentId: set.deploymentId, end }
    this.running.add(running)
    return running
  }
}

const place = (address: Address) =>
  address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port }

const connectTo = (address: Address): net.Socket =>
  address.kind === 'unix' ? net.connect(address.path) : net.connect(address.port, address.host)

export const pairs = (raw: readonly string[]): [string, string][] =>
  raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1]!] as [string, string]] : []))
