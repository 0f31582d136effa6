import type { PruneOptions, PruneReport } from '../spec/api.js'
import { resourceLeaseKey } from '../spec/lease.js'
import { isTerminal } from '../spec/phases.js'
import { holderGone, raiseFences, takeLease } from './fences.js'
import { forgetSecrets, sweepCopies } from './leftovers.js'
import { byPromotion } from './retention.js'
import type { Runtime } from './runtime.js'

/** Retention now: what is beyond it goes, what runs or is live stays, and every one that stays is told with why. */
export async function prune(runtime: Runtime, input: PruneOptions): Promise<PruneReport> {
  const { store } = runtime
  const keep = Math.max(1, input.keep ?? runtime.retention)
  const report: PruneReport = { releases: [], events: 0, kept: [] }
  const wanted = (id: string) => input.resourceId === undefined || input.resourceId === id
  const resources = (await store.listResources()).filter((one) => wanted(one.id))
  for (const resource of resources) {
    for (const target of runtime.targets.values()) {
      const all = await store.listReleases({ resourceId: resource.id, target: target.key })
      const retained = byPromotion(all.filter((one) => one.state === 'retained')).slice(0, keep)
      const beyond = all.filter((one) => !retained.includes(one))
      if (beyond.length === 0) continue
      const key = resourceLeaseKey(resource.id, target.key)
      const lease = await store.readLease(key)
      const busy = lease?.holder && !holderGone(runtime, lease)
      const expect = { expect: lease, deploymentId: runtime.engineId }
      const taken = busy ? null : await takeLease(runtime, target, resource.id, expect)
      if (taken === null) {
        for (const one of beyond)
          report.kept.push({ releaseId: one.id, reason: 'an attempt of its resource is running' })
        continue
      }
      try {
        await raiseFences(target, resource.id, taken.token, runtime.engineId)
        const used = new Set((await target.list(resource.id)).map((one) => one.releaseId))
        for (const one of beyond) {
          if (used.has(one.id)) {
            report.kept.push({ releaseId: one.id, reason: 'it is running' })
            continue
          }
          await target.discard(one, taken.token, { retained })
          await store.removeRelease(one.id)
          report.releases.push(one.id)
        }
      } finally {
        await store.releaseLease({ key, token: taken.token })
      }
    }
  }
  for (const { id } of resources) {
    await forgetSecrets(runtime, id)
    report.events += await forgetEvents(runtime, id, Math.max(0, input.history ?? 100))
  }
  await sweepCopies(runtime)
  return report
}

/** The history of attempts long ended; who follows one from before gets a `gap`. */
async function forgetEvents({ store }: Runtime, resourceId: string, keep: number): Promise<number> {
  const releases = new Set((await store.listReleases({ resourceId })).map((one) => one.deploymentId))
  let count = 0
  let kept = 0
  for (let before: number | undefined; ; ) {
    const page = await store.listDeployments({ resourceId, limit: 200, ...(before === undefined ? {} : { before }) })
    for (const record of page) {
      if (!isTerminal(record.status) || releases.has(record.id) || kept++ < keep) continue
      count += await store.pruneEvents(record.id, Number.MAX_SAFE_INTEGER)
    }
    const last = page.at(-1)
    if (page.length < 200 || last === undefined) return count
    before = last.order
  }
}
