import type { PruneOptions, PruneReport } from '../spec/api.js'
import { type LeaseRef, resourceLeaseKey } from '../spec/lease.js'
import { isTerminal } from '../spec/phases.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { Target } from '../spec/target.js'
import { readAll } from './adopt.js'
import { holderGone } from './fences.js'
import { patiently } from './leases.js'
import { forgetSecrets, sweepCopies } from './leftovers.js'
import { maintain } from './maintenance.js'
import { byPromotion } from './retention.js'
import type { Runtime } from './runtime.js'

/** Retention now: what is beyond it goes, what runs or is live stays, and every one that stays is told with why. */
export async function prune(runtime: Runtime, input: PruneOptions): Promise<PruneReport> {
  const { store } = runtime
  const keep = Math.max(1, input.keep ?? runtime.retention)
  const report: PruneReport = { releases: [], events: 0, kept: [] }
  const wanted = (id: string) => input.resourceId === undefined || input.resourceId === id
  const resources = (await store.listResources()).filter((one) => wanted(one.id))
  for (const { id } of resources)
    for (const target of runtime.targets.values()) await forgetReleases(runtime, target, id, keep, report)
  for (const { id } of resources) {
    await forgetSecrets(runtime, id)
    report.events += await forgetEvents(runtime, id, Math.max(0, input.history ?? 100))
  }
  await sweepCopies(runtime)
  return report
}

async function forgetReleases(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  keep: number,
  report: PruneReport,
): Promise<void> {
  const { store } = runtime
  const sorted = async () => {
    const all = await store.listReleases({ resourceId, target: target.key })
    const kept = byPromotion(all.filter((one) => one.state === 'retained')).slice(0, keep)
    return { kept, beyond: all.filter((one) => !kept.includes(one)) }
  }
  const { beyond: found } = await sorted()
  if (found.length === 0) return
  const lease = await store.readLease(resourceLeaseKey(resourceId, target.key))
  const busy = lease?.holder && !holderGone(runtime, lease)
  const work = async ({ token }: LeaseRef) => {
    // Seen again under the lease: a release may have been promoted meanwhile.
    const { kept, beyond } = await sorted()
    const used = new Set((await target.list(resourceId)).map((one) => one.releaseId))
    const retained = [...kept, ...beyond.filter((one) => used.has(one.id))]
    await forgetRecords(
      target,
      resourceId,
      token,
      beyond.filter((one) => !used.has(one.id)),
    )
    for (const one of beyond) {
      if (used.has(one.id)) {
        report.kept.push({ releaseId: one.id, reason: 'it is running' })
        continue
      }
      await target.discard(one, token, { retained })
      await patiently(runtime, () => store.removeRelease(one.id))
      report.releases.push(one.id)
    }
  }
  if (!busy && (await maintain(runtime, target, resourceId, lease, work))) return
  for (const one of found) report.kept.push({ releaseId: one.id, reason: 'an attempt of its resource is running' })
}

/** No machine names what can no longer be started. What this store does not know is another one's. */
async function forgetRecords(
  target: Target,
  resourceId: string,
  token: number,
  going: readonly ReleaseRecord[],
): Promise<void> {
  const { kept } = readAll((await target.records?.list(resourceId)) ?? [], target)
  const gone = kept.filter(({ release }) => going.some(({ id }) => id === release.id))
  await Promise.all(gone.map(({ deployment }) => target.records?.remove(resourceId, deployment.id, token)))
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
