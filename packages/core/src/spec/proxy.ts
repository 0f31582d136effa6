import { z } from 'zod'
import { strictObject } from './schema.js'

/** Where a listener is, as the one who connects sees it. */
export const addressSchema = z.discriminatedUnion('kind', [
  strictObject(() => ({ kind: z.literal('tcp'), host: z.string(), port: z.number().int().min(1).max(65_535) })),
  strictObject(() => ({ kind: z.literal('unix'), path: z.string() })),
])
export type Address = z.infer<typeof addressSchema>

/** What answers for an attempt. Changed as one. */
export const upstreamSetSchema = strictObject(() => ({
  deploymentId: z.string(),
  releaseId: z.string(),
  addresses: z.array(addressSchema).min(1),
}))
export type UpstreamSet = z.infer<typeof upstreamSetSchema>

export const verifyTokenPattern = /^[a-z0-9]{32,64}$/
/** Requests that carry the attempt's token in this header reach the staged upstream. Never passed on, never logged. */
export const verifyHeader = 'x-appaloft-verify'
/** Set and overwritten by the proxy on every answer: the deployment that gave it. */
export const identityHeader = 'x-appaloft-deployment'

export const routeSchema = strictObject(() => ({
  /** Lower case, or `*.example.com`; null: the resource's own port. */
  hostname: z.string().nullable(),
  /** Begins with `/`; the longest prefix on segment borders wins, also across resources. */
  pathPrefix: z.string(),
  pathHandling: z.enum(['preserve', 'strip']),
  /** Instead of an upstream: a permanent redirect (308) that keeps path and query. An absolute URL or a hostname. */
  redirectTo: z.string().nullable(),
  tls: z.enum(['auto', 'off']),
}))
export type Route = z.infer<typeof routeSchema>

/**
 * The routes of one resource, declaratively. All routes share one live and one staged upstream set, since a promotion moves all of
 * them in one change.
 */
export const routeTableSchema = strictObject(() => ({
  routes: z.array(routeSchema),
  live: upstreamSetSchema.nullable(),
  /** Reached only by requests with the token. */
  staged: upstreamSetSchema.nullable(),
  /**
   * The attempt that is being verified. With `staged` the token chooses it; without, it chooses nothing and only makes the identity
   * header visible where it is hidden from users. Null: no attempt is between `route` and its end.
   */
  verify: strictObject(() => ({ token: z.string().regex(verifyTokenPattern), deploymentId: z.string() })).nullable(),
  /** `always` (default of the engine), or `verified`: only answers to requests with the token carry the identity. */
  identity: z.enum(['always', 'verified']),
}))
export type RouteTable = z.infer<typeof routeTableSchema>

export interface ProxyCapabilities {
  /** Staged upstreams by token. */
  staged: boolean
  /** The identity header. */
  identity: boolean
  websocket: boolean
  /** `false`: none; `auto`: certificates on its own. */
  tls: false | 'auto'
  wildcardHostnames: boolean
  /** May routes have no hostname (a port of the resource's own)? */
  resourcePort: boolean
  /** An upper bound for people: when a promotion is visible to new requests, in milliseconds. */
  promotionVisibleMs: number
  /** `compare`: effects carry the token and are compared; `name`: the token is part of the name addressed; `none`. */
  fencing: 'compare' | 'name' | 'none'
  /** Can it count the requests in flight of a replaced upstream set? */
  inFlight: boolean
}

export interface ProxyObservation {
  /** The table as the proxy serves it now; null where the resource has none. */
  table: RouteTable | null
  /** The fence: the token of the last holder; 0 where none was raised. */
  token: number
  /** Requests in flight (open WebSockets included) of each upstream set known to it, replaced ones included, until they are none. */
  inFlight: { deploymentId: string; count: number | 'unknown' }[]
}

/** Where a resource is served, without DNS: a listener with the same routes that needs no certificate. */
export interface Endpoint {
  /** As the engine can reach it. */
  address: Address
  /** What users type: `http` and 8080 give `http://web.example.com:8080`. */
  publicScheme: 'http' | 'https'
  publicPort: number
}

/**
 * What routes hostnames and paths to releases. Declarative: `apply` makes the routes of one resource equal to a table, in one atomic
 * change, whatever they were. Everything is idempotent, and safe to call from several processes: the fence decides.
 *
 * Called by the engine only. Errors: `fenced` (a newer holder), `route-conflict` (another resource owns hostname and path),
 * `unsupported-access-policy`, `runtime-backend-unavailable`.
 */
export interface Proxy {
  readonly specVersion: 1
  readonly key: string
  readonly capabilities: ProxyCapabilities
  /** Told once by the target that owns it, before any other call. Cheap; starts nothing. */
  open?(context: ProxyContext): Promise<void>
  /** The present fence of a resource: 0 where none was raised. */
  mark(resourceId: string, options?: CallOptions): Promise<number>
  /**
   * Raises the fence durably, by compare-and-set: refused with `fenced` where the mark is neither `expected` nor already this token
   * by this owner. From then on, lower tokens are refused.
   */
  fence(resourceId: string, token: number, options: FenceOptions): Promise<void>
  /** Durable when it resolves; visible within `promotionVisibleMs`. Streams and WebSockets of a replaced upstream are left alone. */
  apply(resourceId: string, table: RouteTable, token: number, options?: CallOptions): Promise<void>
  observe(resourceId: string, options?: CallOptions): Promise<ProxyObservation>
  endpoint(resourceId: string, options?: CallOptions): Promise<Endpoint>
  /** Removes every route of the resource and, in the end, its port. The fence stays. Idempotent. */
  remove(resourceId: string, token: number, options?: CallOptions): Promise<void>
  /**
   * Cuts what is still open to a replaced upstream set once its drain is over. Idempotent; unknown deployments are no error, and one
   * that the table still names is left alone.
   * A proxy whose backend does this by itself when the release stops need not offer it.
   */
  cut?(resourceId: string, deploymentId: string, token: number, options?: CallOptions): Promise<void>
  close?(): Promise<void>
}

export interface CallOptions {
  signal?: AbortSignal
}

export interface FenceOptions extends CallOptions {
  /** The mark that the caller read. */
  expected: number
  /** The attempt that raises it: the same call made twice by one owner succeeds. */
  owner: string
}

export interface ProxyContext {
  /** A folder of the target's own, for control sockets and tables. */
  stateDir: string
  /** Makes sure that the proxy's process runs, where the target runs it. Resolves when it answers. */
  ensure?(options?: CallOptions): Promise<void>
}
