import { identityHeader, verifyHeader } from '../../spec/proxy.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { Attempt } from '../attempt.js'
import { proxyOf, verifyToken } from '../routes.js'
import { within } from '../timing.js'

export type Endpoint = ReturnType<typeof endpointOf>

export const endpointOf = ({ runtime, target, record }: Attempt) =>
  within(runtime.clock, 5000, (signal) => proxyOf(target).endpoint(record.resourceId, { signal }))

/** Asks a route as users do, but without DNS and, unless told otherwise, with the token. */
export async function askRoute(
  attempt: Attempt,
  hostname: string | null,
  path: string,
  endpoint: Endpoint = endpointOf(attempt),
  { token = true, signal }: { token?: boolean; signal?: AbortSignal } = {},
): Promise<{ status: number; identity: string | undefined; location: string | undefined }> {
  const { prober } = attempt.runtime
  const { address } = await endpoint
  const host =
    hostname === null
      ? address.kind === 'tcp'
        ? `${address.host}:${address.port}`
        : 'localhost'
      : hostname.replace(/^\*\./, 'appaloft-check.')
  const shown: Record<string, string> = token ? { [verifyHeader]: await verifyToken(attempt.runtime, attempt.ref) } : {}
  const answer = await prober.request(address, {
    path,
    headers: { host, ...shown, 'user-agent': 'appaloft-verify' },
    timeoutMs: 5000,
    ...(signal === undefined ? {} : { signal }),
  })
  const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value)
  return {
    status: answer.status,
    identity: one(answer.headers[identityHeader]),
    location: one(answer.headers.location),
  }
}

/** Where the proxy served when the route was checked; undefined: nowhere, or it is not known. */
export type Known = Promise<Awaited<Endpoint> | undefined>

export type Answer = Awaited<ReturnType<typeof askRoute>>

export const hostnamesOf = ({ plan: { access } }: ReleaseRecord): (string | null)[] =>
  access.hostnames.length > 0 ? access.hostnames : [null]

/** Each of the routes is asked once, all at once. */
export const askRoutes = (attempt: Attempt, release: ReleaseRecord, endpoint?: Endpoint): Promise<Answer>[] =>
  hostnamesOf(release).map((hostname) => {
    const asked = askRoute(attempt, hostname, release.plan.access.pathPrefix, endpoint)
    // Waited for by who takes it.
    asked.catch(() => undefined)
    return asked
  })
