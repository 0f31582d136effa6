import type { ReconcileReport } from '../spec/api.js'
import { attemptLeaseKey, resourceLeaseKey } from '../spec/lease.js'
import { activeStatuses, isTerminal } from '../spec/phases.js'
import { problemOf } from './adopt.js'
import { adoptAll, adoptFreed, isFree } from './adopting.js'
import { align } from './align.js'
import { isLost } from './errors.js'
import { untilKnown } from './fences.js'
import { atOnce, FirstLooks } from './first-looks.js'
import { patiently } from './leases.js'
import { type Runtime, targetOf } from './runtime.js'
import { several } from './several.js'
import { wasOn } from './was-on.js'

interface Options {
  signal?: AbortSignal
  /** Holders whose process lives are watched, too: one that stands still has lost its leases. */
  thorough?: boolean
}

type Aligned = Pick<ReconcileReport, 'removed' | 'routed' | 'problems'>

/** Every attempt without a living holder; then what runs and is routed, against the last recorded promotions. */
export async function reconcile(runtime: Runtime, options: Options = {}): Promise<ReconcileReport> {
  const { store } = runtime
  const report: ReconcileReport = { ended: [], removed: [], routed: [], problems: [] }
  // With `thorough` it may be waited for long meanwhile.
  const looks = options.thorough ? null : new FirstLooks(runtime)
  const { unknown, busy, told } = await adoptAll(runtime, report, options)
  const active = (await store.listDeployments({ statuses: activeStatuses, limit: 1000 })).reverse()
  for (const { id, resourceId, target } of active) {
    if (!runtime.targets.has(target)) continue
    try {
      const status = await patiently(runtime, () => settle(runtime, id, options))
      if (status !== null) report.ended.push({ deploymentId: id, status })
    } catch (error) {
      options.signal?.throwIfAborted()
      report.problems.push(problemOf(resourceId, error))
    }
  }
  const ids = new Set((await store.listResources()).map(({ id }) => id))
  // Of some this store knows nothing yet: the machine tells of them.
  for (const id of told) ids.add(id)
  const aligned = await several(atOnce, [...ids], async (id) => {
    const own: Aligned = { removed: [], routed: [], problems: [] }
    for (const key of runtime.targets.keys()) {
      options.signal?.throwIfAborted()
      const lease = resourceLeaseKey(id, key)
      if (unknown.has(lease)) continue
      try {
        await untilKnown(runtime, lease, options)
        // Who died with another store has left what nobody owns, and who lives has not: it is seen who it is.
        if (options.thorough && (await wasOn(store, id, key)) !== null)
          await isFree(runtime, targetOf(runtime, key), id, options)
        const target = busy.get(lease)
        if (target && !(await adoptFreed(runtime, target, id, { ...own, ended: report.ended }, options))) continue
        await patiently(runtime, async () => align(runtime, id, key, own, await looks?.take(id, key)))
      } catch (error) {
        if (!isLost(error)) own.problems.push(problemOf(id, error))
      }
    }
    return own
  })
  for (const { removed, routed, problems } of aligned) {
    report.removed.push(...removed)
    report.routed.push(...routed)
    report.problems.push(...problems)
  }
  return report
}

/** Recovers an attempt; where nothing tells whether its holder lives, as soon as its heartbeat stood still for long enough. */
async function settle(runtime: Runtime, id: string, options: Options) {
  const { store } = runtime
  options.signal?.throwIfAborted()
  const { supersededBy, resourceId, target } = (await store.getDeployment(id)) ?? {}
  const winner = supersededBy === undefined ? null : await store.getDeployment(supersededBy)
  // It ends with the one that took its place, which is newer: its turn comes.
  if (winner !== null && !isTerminal(winner.status)) return null
  await untilKnown(runtime, attemptLeaseKey(id), options)
  const status = await runtime.recover(id, runtime.engineId)
  if (status !== null || !options.thorough || resourceId === undefined) return status
  // An engine with another store may be at work on it.
  await isFree(runtime, targetOf(runtime, target), resourceId, options)
  return runtime.recover(id, runtime.engineId)
}
