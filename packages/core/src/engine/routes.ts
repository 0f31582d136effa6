import { AppaloftError } from '../spec/errors.js'
import type { Plan } from '../spec/plan.js'
import type { Endpoint, Proxy, RouteTable, UpstreamSet } from '../spec/proxy.js'
import type { RunningRef, Target } from '../spec/target.js'
import type { Attempt } from './attempt.js'
import { isStrange } from './machine.js'
import type { Runtime } from './runtime.js'

/** The attempt's secret: derived, so that it is found again after a crash and stored nowhere in clear. */
export const verifyToken = (runtime: Runtime, ref: RunningRef): Promise<string> =>
  runtime.secrets.digest(ref.resourceId, 'appaloft-verify', ref.deploymentId)

export function tableOf(
  plan: Plan,
  identity: RouteTable['identity'],
  rest: Pick<RouteTable, 'live' | 'staged' | 'verify'>,
): RouteTable {
  const { hostnames, pathPrefix, pathHandling, redirectTo, tls } = plan.access
  const names = hostnames.length === 0 ? [null] : hostnames
  return {
    routes: names.map((hostname) => ({ hostname, pathPrefix, pathHandling, redirectTo: redirectTo ?? null, tls })),
    identity,
    ...rest,
  }
}

export const usesProxy = (plan: Plan): boolean => plan.network.exposure === 'proxy'

export function proxyOf(target: Target): Proxy {
  if (target.proxy === null)
    throw new AppaloftError('unsupported-operation', { message: `The target ${target.key} has no proxy.` })
  return target.proxy
}

/** Where a release answers its proxy; waits until the target knows. Null: it has exited. */
export async function upstreamOf(
  { clock }: Runtime,
  target: Target,
  ref: RunningRef,
  port: number,
  seconds: number,
  signal?: AbortSignal,
): Promise<UpstreamSet | null> {
  const options = signal === undefined ? {} : { signal }
  const end = clock.monotonic() + seconds * 1000
  for (;;) {
    const { upstream } = await target.reach(ref, port, options)
    if (upstream.length > 0) return { deploymentId: ref.deploymentId, releaseId: ref.releaseId, addresses: upstream }
    if ((await target.inspect(ref, options)).state === 'exited') return null
    if (clock.monotonic() > end)
      throw new AppaloftError('start-failed', { message: 'The target does not know where the release answers.' })
    await clock.sleep(10, options)
  }
}

export async function runningUpstreamOf(...asked: Parameters<typeof upstreamOf>): Promise<UpstreamSet> {
  const upstream = await upstreamOf(...asked)
  if (upstream === null) throw new AppaloftError('start-failed', { message: 'The release has exited.' })
  return upstream
}

/** What the proxy serves of the former release, whether it runs or not: a candidate is staged beside it. Null: nothing. */
export async function servedTable(attempt: Attempt): Promise<RouteTable | null> {
  const { record, target, signal } = attempt
  if (record.previous === null && target.lease === undefined) return null
  const { table } = await proxyOf(target).observe(record.resourceId, { signal })
  if (table !== null && (await isStrange(attempt.runtime, target, table))) {
    attempt.displaces(table)
    return table
  }
  if (record.previous === null) return null
  if (table?.live?.deploymentId === record.previous.deploymentId) return table
  const { state } = await target.inspect({ resourceId: record.resourceId, ...record.previous }, { signal })
  return state === 'running' ? ((await formerTable(attempt))?.table ?? null) : null
}

/** The table with which the former release serves alone; null where there is none, or it was not served by the proxy. */
export async function formerTable(attempt: Attempt): Promise<{ table: RouteTable; plan: Plan } | null> {
  const { runtime, record, target } = attempt
  if (record.previous === null) return null
  const release = await runtime.store.getRelease(record.previous.releaseId)
  if (release === null || !usesProxy(release.plan)) return null
  const ref = { resourceId: record.resourceId, ...record.previous }
  const live = await runningUpstreamOf(runtime, target, ref, release.plan.network.internalPort ?? 80, 10)
  return { table: tableOf(release.plan, runtime.identity, { live, staged: null, verify: null }), plan: release.plan }
}

/** @param known where the proxy serves, if it was asked already */
export async function accessUrls(
  target: Target,
  plan: Plan,
  resourceId: string,
  known?: Promise<Endpoint>,
): Promise<string[]> {
  if (plan.network.exposure === 'direct-port')
    return [`http://${target.address ?? '127.0.0.1'}:${plan.network.hostPort}/`]
  if (!usesProxy(plan)) return []
  const present = () => proxyOf(target).endpoint(resourceId)
  const end = await (known?.catch(present) ?? present())
  const usual =
    (end.publicScheme === 'http' && end.publicPort === 80) || (end.publicScheme === 'https' && end.publicPort === 443)
  const host = end.address.kind === 'tcp' ? end.address.host : 'localhost'
  const names = plan.access.hostnames.length > 0 ? plan.access.hostnames : [host]
  return names.map(
    (name) => `${end.publicScheme}://${name}${usual ? '' : `:${end.publicPort}`}${plan.access.pathPrefix}`,
  )
}
