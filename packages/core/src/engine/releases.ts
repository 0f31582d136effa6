import type { DeploymentRecord } from '../spec/deployment.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { Runtime } from './runtime.js'

/** The release that an attempt runs, with the attempt's own plan: a rollback may take today's secrets. Null: there is none yet. */
export async function releaseOf(runtime: Runtime, record: DeploymentRecord): Promise<ReleaseRecord | null> {
  const release = record.releaseId === null ? null : await runtime.store.getRelease(record.releaseId)
  return release === null || record.plan === null ? release : { ...release, plan: record.plan }
}
