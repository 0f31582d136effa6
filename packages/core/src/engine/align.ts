import type { ReconcileReport } from '../spec/api.js'
import { canonicalJson } from '../spec/json.js'
import { resourceLeaseKey } from '../spec/lease.js'
import type { RouteTable } from '../spec/proxy.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { Store } from '../spec/store.js'
import type { OwnedThing, Reach, RunningRef, Target } from '../spec/target.js'
import { readAll } from './adopt.js'
import { holderGone } from './fences.js'
import { requestsEnd } from './in-flight.js'
import { foreignHolder, isForeign, isOutdated, isStillLive, isStrange, isStray } from './machine.js'
import { maintain } from './maintenance.js'
import { runningUpstreamOf, tableOf, usesProxy } from './routes.js'
import { type Runtime, targetOf } from './runtime.js'
import { untellStray } from './telling.js'
import { believeUndone } from './undone.js'
import { wasOn } from './was-on.js'

interface Drift {
  live: RunningRef | null
  release: ReleaseRecord | null
  /** The live release does not run. */
  down: boolean
  table: RouteTable | null
  misrouted: boolean
  /** Of ours, and not the live release. */
  strangers: OwnedThing[]
}

/** What a machine shows of a resource. */
export interface Shown {
  /** As the store said before it was looked at. */
  live: RunningRef | null
  release: ReleaseRecord | null
  routed: boolean
  things: OwnedThing[]
  table: RouteTable | null
  /** The fence of the proxy, 0 without one; null: it was not asked. */
  mark: number | null
  reached: Reach | null
}

/**
 * Makes routes and running releases equal to the last recorded promotion, unless an attempt is at work.
 *
 * @param first what was seen of it a moment ago, when nobody was at work either
 */
export async function align(
  runtime: Runtime,
  resourceId: string,
  key: string,
  report: Pick<ReconcileReport, 'removed' | 'routed'>,
  first?: Shown,
): Promise<void> {
  const { store } = runtime
  const target = targetOf(runtime, key)
  if ((await wasOn(store, resourceId, key)) === null) return
  const lease = await store.readLease(resourceLeaseKey(resourceId, key))
  if (lease?.holder && !holderGone(runtime, lease)) return
  const found = await drift(runtime, target, first ?? (await show(runtime, target, resourceId)))
  if (!hasDrift(found) || (await isStrange(runtime, target, found.table))) return
  const machine = (await target.lease?.read(resourceId)) ?? null
  if ((await foreignHolder(runtime, target, resourceId, machine)) !== null) return
  // What an engine with another store did there since is not in this store's records; unless the machine told of it.
  if (target.records === undefined && (await isOutdated(runtime, target, resourceId, machine)))
    if (found.live === null || !(await isStillLive(target, found.live))) return
  const others = machine !== null && (await isForeign(runtime, target, resourceId, machine))
  await maintain(runtime, target, resourceId, lease, async (held) => {
    const { token } = held
    if (others && target.records !== undefined)
      await believeUndone(runtime, target, resourceId, readAll(await target.records.list(resourceId), target), held)
    // Seen again under the lease: nobody changes it any more.
    const present = await drift(runtime, target, await show(runtime, target, resourceId))
    if (!(await isStrange(runtime, target, present.table)))
      await mend(runtime, target, resourceId, present, token, report)
  })
}

const hasDrift = ({ down, misrouted, strangers }: Drift): boolean => down || misrouted || strangers.length > 0

/** Reads only. */
export async function show(runtime: Runtime, target: Target, resourceId: string): Promise<Shown> {
  const { store } = runtime
  const ref = (await store.getResource(resourceId))?.live[target.key]
  const live = ref === undefined ? null : { resourceId, ...ref }
  const release = live === null ? null : await store.getRelease(live.releaseId)
  const routed = target.proxy !== null && (release === null || usesProxy(release.plan))
  const [things, observed, reached] = await Promise.all([
    target.list(resourceId),
    routed ? target.proxy.observe(resourceId) : null,
    routed && live !== null ? target.reach(live, release?.plan.network.internalPort ?? 80) : null,
  ])
  const mark = target.proxy === null ? 0 : (observed?.token ?? null)
  return { live, release, routed, things, table: observed?.table ?? null, mark, reached }
}

async function drift(runtime: Runtime, target: Target, shown: Shown): Promise<Drift> {
  const { store } = runtime
  const { live, release, routed, things, table: seen, reached } = shown
  const strangers: OwnedThing[] = []
  for (const one of things) {
    if (one.deploymentId === live?.deploymentId) continue
    if (await isStray(runtime, target, one)) strangers.push(one)
  }
  const here = things.find((one) => one.deploymentId === live?.deploymentId && one.releaseId === live.releaseId)
  const state = live === null ? null : (here?.state ?? 'absent')
  const table = live === null && (await isOfAnother(store, seen, target.key)) ? null : seen
  const misrouted =
    live === null
      ? table?.live != null || table?.staged != null
      : routed && (table?.staged != null || table?.verify != null || !leadsTo(table, live, reached))
  return { live, release, down: state === 'exited' || state === 'absent', table, misrouted, strangers }
}

/** Two targets may have one proxy: what it serves of the other's is no concern of this one. */
async function isOfAnother(store: Store, table: RouteTable | null, key: string): Promise<boolean> {
  const set = table?.live ?? table?.staged
  const owner = set == null ? null : await store.getDeployment(set.deploymentId)
  return owner !== null && owner.target !== key
}

/** By the addresses that it has now: what was started again may answer elsewhere. */
function leadsTo(table: RouteTable | null, live: RunningRef, reached: Reach | null): boolean {
  if (table?.live?.deploymentId !== live.deploymentId) return false
  const upstream = reached?.upstream ?? []
  return upstream.length === 0 || canonicalJson(upstream) === canonicalJson(table.live.addresses)
}

async function mend(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  found: Drift,
  token: number,
  report: Pick<ReconcileReport, 'removed' | 'routed'>,
): Promise<void> {
  try {
    if (await mendLive(runtime, target, resourceId, found, token)) report.routed.push(resourceId)
  } finally {
    // Also where the live release cannot be brought back: what nobody owns goes.
    for (const one of found.strangers) {
      await requestsEnd(runtime, target, one, (found.release?.plan.network.drainSeconds ?? 0) * 1000)
      await Promise.all([target.remove(one, token), untellStray(runtime, target, one, token)])
      report.removed.push({ deploymentId: one.deploymentId, releaseId: one.releaseId })
    }
  }
}

/** True: its routes were changed. */
async function mendLive(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  { live, release, down, table, misrouted }: Drift,
  token: number,
): Promise<boolean> {
  const { proxy } = target
  if (live === null) {
    if (proxy === null || table === null || !misrouted) return false
    await proxy.apply(resourceId, { ...table, live: null, staged: null, verify: null }, token)
    return true
  }
  if (down) await target.restart(live, token)
  if (proxy === null || release === null || !usesProxy(release.plan) || !(misrouted || down)) return false
  const upstream = await runningUpstreamOf(runtime, target, live, release.plan.network.internalPort ?? 80, 10)
  const rest = { live: upstream, staged: null, verify: null }
  await proxy.apply(resourceId, tableOf(release.plan, runtime.identity, rest), token)
  return true
}
