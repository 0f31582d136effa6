import type { ReconcileReport } from '../spec/api.js'
import { attemptLeaseKey } from '../spec/lease.js'
import { activeStatuses, isTerminal } from '../spec/phases.js'
import { align } from './align.js'
import { isLost, toAppaloftError } from './errors.js'
import { isDoubtful } from './fences.js'
import type { Runtime } from './runtime.js'

/** Every attempt without a living holder; then what runs and is routed, against the last recorded promotions. */
export async function reconcile(runtime: Runtime, options: { signal?: AbortSignal } = {}): Promise<ReconcileReport> {
  const { store } = runtime
  const report: ReconcileReport = { ended: [], removed: [], routed: [], problems: [] }
  const problem = (resourceId: string, error: unknown) => {
    const { code, message } = toAppaloftError(error)
    report.problems.push({ resourceId, code, message })
  }
  const active = (await store.listDeployments({ statuses: activeStatuses, limit: 1000 })).reverse()
  for (const { id, resourceId, target } of active) {
    if (!runtime.targets.has(target)) continue
    try {
      const status = await settle(runtime, id, options.signal)
      if (status !== null) report.ended.push({ deploymentId: id, status })
    } catch (error) {
      options.signal?.throwIfAborted()
      problem(resourceId, error)
    }
  }
  for (const resource of await store.listResources()) {
    for (const key of runtime.targets.keys()) {
      options.signal?.throwIfAborted()
      try {
        await align(runtime, resource.id, key, report)
      } catch (error) {
        if (!isLost(error)) problem(resource.id, error)
      }
    }
  }
  return report
}

/** Recovers an attempt; where nothing tells whether its holder lives, as soon as its heartbeat stood still for long enough. */
async function settle(runtime: Runtime, id: string, signal: AbortSignal | undefined) {
  const { store } = runtime
  for (;;) {
    signal?.throwIfAborted()
    const status = await runtime.recover(id, runtime.engineId)
    if (status !== null) return status
    const present = await store.getDeployment(id)
    const lease = await store.readLease(attemptLeaseKey(id))
    if (present === null || isTerminal(present.status) || lease === null || !isDoubtful(runtime, lease)) return null
    await runtime.pause(1000, signal)
    if ((await store.readLease(attemptLeaseKey(id)))?.beats !== lease.beats) return null
  }
}
