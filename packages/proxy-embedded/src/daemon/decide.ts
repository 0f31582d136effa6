import { timingSafeEqual } from 'node:crypto'
import type { Connection } from './connection.js'
import { identityHeader, type RequestHead } from './headers.js'
import { type Match, type Router, upstreamPath } from './router.js'
import type { Upstream } from './upstream.js'

/** The data plane as one request sees it: everything of it changes in one assignment. */
export interface Plane {
  router: Router
  readonly connectTimeoutMs: number
  readonly headerTimeoutMs: number
  log(line: string): void
  /** Once the daemon closes, connections are not kept. */
  closing: boolean
}

/** A resource's own port, or null: the shared listener. */
export type Scope = string | null

export type Decision =
  | { kind: 'forward'; match: Match; upstream: Upstream; path: string; identity: string | null }
  | { kind: 'answer'; status: number; text: string; identity: string | null; location?: string }

const refuse = (status: number, text: string, identity: string | null = null): Decision => ({
  kind: 'answer',
  status,
  text,
  identity,
})

/** What a request gets: an upstream, a redirect or a refusal. Pure, but for the turn of the round robin. */
export function decide(plane: Plane, scope: Scope, head: RequestHead, target: string): Decision {
  if (head.hosts > 1) return refuse(400, 'More than one Host header.')
  if (head.framing === 'unsupported') return refuse(501, 'This transfer encoding is not supported.')
  const path = originForm(head, target)
  if (path === null) return refuse(400, 'The request target is not valid.')
  const match = scope === null ? plane.router.find(head.host, path) : plane.router.findOwn(scope, head.host, path)
  if (match === null) return refuse(404, 'No route for this hostname and path.')
  const { served } = match
  const verified = head.verify !== undefined && served.token !== null && equal(head.verify, served.token)
  const upstream = verified && served.staged !== null ? served.staged : served.live
  const identity = upstream === null || (served.hidesIdentity && !verified) ? null : upstream.deploymentId
  if (match.redirectTo !== null) {
    const location = redirectLocation(match, match.redirectTo, head, path)
    return { kind: 'answer', status: 308, text: 'Moved permanently.', identity, location }
  }
  if (upstream === null) return refuse(503, 'Nothing serves this route at the moment.')
  return { kind: 'forward', match, upstream, path: upstreamPath(match, path), identity }
}

const equal = (given: string, token: Buffer): boolean => {
  const bytes = Buffer.from(given, 'latin1')
  return bytes.length === token.length && timingSafeEqual(bytes, token)
}

/** `http://host/path` names the host too, and then outranks the Host header. */
function originForm(head: RequestHead, target: string): string | null {
  if (/[^!-\u00ff]/.test(target)) return null
  if (target.charCodeAt(0) === 47 || target === '*') return target
  const found = /^https?:\/\/([^/?#@]+)([/?][^#]*)?$/i.exec(target)
  if (found === null) return null
  const [, authority, rest = '/'] = found
  head.host = authority
  for (let i = 0; i < head.headers.length; i += 2) {
    if (head.headers[i]!.toLowerCase() === 'host') head.headers[i + 1] = authority!
  }
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** Path and query stay; a hostname keeps the scheme and port under which the request came. */
function redirectLocation(match: Match, to: string, head: RequestHead, path: string): string {
  const rest = path === '*' ? '/' : upstreamPath(match, path)
  if (/^https?:\/\//i.test(to)) return to.replace(/\/+$/, '') + rest
  const port = /:(\d{1,5})$/.exec(head.host ?? '')?.[1]
  const scheme = head.forwardedProto === 'https' ? 'https' : 'http'
  const authority = port === undefined || to.includes(':') ? to : `${to}:${port}`
  return `${scheme}://${authority}${rest}`
}

/** Who asked, for the upstream: appended for a proxy on this machine, replaced for everybody else. */
export function addForwarding(head: RequestHead, connection: Connection, match: Match, deploymentId: string): void {
  const { headers } = head
  const { address, trusted } = connection
  headers.push(
    'X-Forwarded-For',
    trusted && head.forwardedFor !== undefined ? `${head.forwardedFor}, ${address}` : address,
    'X-Forwarded-Proto',
    trusted && head.forwardedProto !== undefined ? head.forwardedProto : 'http',
  )
  const host = trusted && head.forwardedHost !== undefined ? head.forwardedHost : head.host
  if (host !== undefined) headers.push('X-Forwarded-Host', host)
  if (trusted && head.forwarded !== undefined) headers.push('Forwarded', head.forwarded)
  if (match.strip && match.prefix !== '') headers.push('X-Forwarded-Prefix', match.prefix)
  headers.push(identityHeader, deploymentId)
}

/** For logs: no path, no query, no header. */
export const describeMatch = (match: Match): string =>
  `${match.served.resourceId}${match.prefix === '' ? '' : ` ${match.prefix}`}`
