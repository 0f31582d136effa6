import type http from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type Address,
  identityHeader,
  type Route,
  type RouteTable,
  type UpstreamSet,
  verifyHeader,
} from '@appaloft/core/spec'

/** Every decision of the tiny proxy's data plane by itself, so that each can be made wrongly by itself. */
export interface Habits {
  lenientParser: boolean
  answersContinue: boolean
  hostFits(pattern: string, host: string): boolean
  hasPrefix(url: string, prefix: string): boolean
  rank(a: Route, b: Route): number
  upstreamPath(route: Route, url: string): string
  redirect(route: Route, req: http.IncomingMessage): { status: number; location: string }
  statusOfNoneLive: number
  headersOfNobody: string[]
  isVerified(req: http.IncomingMessage, table: RouteTable, all: RouteTable[]): boolean
  stagedBy(table: RouteTable): UpstreamSet | null
  identity(table: RouteTable, set: UpstreamSet | null, verified: boolean): string | null
  identityAtAnswer(chosen: string | null, present: RouteTable | undefined): string | null
  errorHeaders(identity: string | null): string[]
  addresses(all: Address[], turn: number): Address[]
  requestHeaders(req: http.IncomingMessage, set: UpstreamSet): string[]
  answerHeaders(answer: http.IncomingMessage, identity: string | null): string[]
  status(status: number): number
  body(req: http.IncomingMessage, go: (body: Buffer) => void): void
  send(req: http.IncomingMessage, up: http.ClientRequest, body: Buffer): void
  answer(answer: http.IncomingMessage, res: http.ServerResponse): void
  onClientGone(up: http.ClientRequest): void
  onLeave(forget: () => void): void
  onSwap(sockets: Set<Duplex>): void
  tunnelIdentity(line: string): string
  tunnel(near: Duplex, far: Socket): void
  onTunnelEnd(far: Socket, forget: () => void): void
  onFarEnd(near: Duplex): void
}

const perConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'])

/** Raw headers without what belongs to one connection, and without `more`. */
export function passable(raw: readonly string[], ...more: string[]): string[] {
  const names = raw.filter((_, at) => at % 2 === 0)
  const listed = raw.filter((_, at) => at % 2 === 1 && names[(at - 1) / 2]!.toLowerCase() === 'connection')
  const dropped = new Set([...perConnection, ...more, ...listed.flatMap((text) => text.toLowerCase().split(/\s*,\s*/))])
  return raw.filter((_, at) => !dropped.has(names[Math.floor(at / 2)]!.toLowerCase()))
}

export const forwarding = (req: http.IncomingMessage): string[] => [
  ...['X-Forwarded-For', req.socket.remoteAddress ?? '', 'X-Forwarded-Proto', 'http'],
  ...['X-Forwarded-Host', req.headers.host ?? ''],
]

/** What frames a body towards the upstream, beside a length that was passed on. */
export const framing = (req: http.IncomingMessage): string[] =>
  req.headers['transfer-encoding'] === undefined ? [] : ['Transfer-Encoding', 'chunked']

export const soundHabits: Habits = {
  lenientParser: false,
  answersContinue: true,
  hostFits: (pattern, host) => (pattern.startsWith('*.') ? host.replace(/^[^.]+/, '*') === pattern : pattern === host),
  hasPrefix: (url, prefix) => prefix === '/' || `${url.split('?')[0]}/`.startsWith(`${prefix}/`),
  rank: (a, b) =>
    Number(a.hostname?.startsWith('*') ?? 0) - Number(b.hostname?.startsWith('*') ?? 0) ||
    b.pathPrefix.length - a.pathPrefix.length,
  upstreamPath: (route, url) =>
    route.pathHandling === 'strip' && route.pathPrefix !== '/'
      ? url.slice(route.pathPrefix.length).replace(/^(?!\/)/, '/')
      : url,
  redirect: (route, req) => ({
    status: 308,
    location: (/^https?:/.test(route.redirectTo!) ? '' : 'http://') + route.redirectTo + req.url,
  }),
  statusOfNoneLive: 503,
  headersOfNobody: [],
  isVerified: (req, table) => table.verify !== null && req.headers[verifyHeader] === table.verify.token,
  stagedBy: (table) => table.staged,
  identity: (table, set, verified) =>
    set === null || (table.identity === 'verified' && !verified) ? null : set.deploymentId,
  identityAtAnswer: (chosen) => chosen,
  errorHeaders: (identity) => (identity === null ? [] : [identityHeader, identity]),
  addresses: (all, turn) => [...all.slice(turn % all.length), ...all.slice(0, turn % all.length)],
  requestHeaders: (req) => [
    ...passable(req.rawHeaders, verifyHeader, identityHeader, 'expect'),
    ...framing(req),
    ...forwarding(req),
  ],
  answerHeaders: (answer, identity) => [
    ...passable(answer.rawHeaders, identityHeader, ...(answer.headers['transfer-encoding'] ? [] : ['trailer'])),
    ...(identity === null ? [] : [identityHeader, identity]),
  ],
  status: (status) => status,
  body: (_req, go) => go(Buffer.alloc(0)),
  send: (req, up) => {
    up.once('socket', (socket) => socket.once('connect', () => req.resume()))
    req.on('data', (chunk: Buffer) => {
      if (!up.write(chunk)) req.pause()
    })
    up.on('drain', () => req.resume())
    req.on('end', () => {
      up.addTrailers(req.trailers as NodeJS.Dict<string>)
      up.end()
    })
    req.pause()
    if (req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0) return
    up.end()
  },
  answer: (answer, res) => {
    res.flushHeaders()
    answer.on('error', () => res.destroy())
    answer.on('data', (chunk: Buffer) => {
      if (!res.write(chunk)) answer.pause()
    })
    res.on('drain', () => answer.resume())
    answer.on('end', () => {
      res.addTrailers(answer.trailers as NodeJS.Dict<string>)
      res.end()
    })
  },
  onClientGone: (up) => void up.destroy(),
  onLeave: (forget) => forget(),
  onSwap: () => {},
  tunnelIdentity: (line) => line,
  tunnel: (near, far) => {
    near.pipe(far)
    far.pipe(near)
  },
  onTunnelEnd: (far, forget) => {
    far.destroy()
    forget()
  },
  onFarEnd: (near) => void near.destroy(),
}
