import { randomBytes } from 'node:crypto'
import { readlinkSync, realpathSync, rmSync } from 'node:fs'
import { join, sep } from 'node:path'
import type { RunningRef } from '@appaloft/core/spec'
import { makeFolder, readRecord, writeJson } from './shared/files.js'
import { endGroup, groupMembers } from './shared/groups.js'
import type { Layout } from './shared/paths.js'
import { isAlive, ownIdentity, type ProcessIdentity, type ProcessRow, parseIdentity } from './shared/processes.js'
import { folderNames, parseRef } from './shared/records.js'

/** A command that an engine runs: noted down, so that it can be found and ended when that engine is gone. */
export interface Job {
  file: string
  ref: RunningRef
  /** The engine's process. */
  owner: ProcessIdentity
  /** The command's process group. */
  leader: ProcessIdentity
}

export function noteJob(layout: Layout, ref: RunningRef, leader: ProcessIdentity): { done(): void } {
  const folder = layout.jobsOf(ref.resourceId)
  makeFolder(folder)
  const { resourceId, deploymentId, releaseId } = ref
  const file = join(folder, `${randomBytes(8).toString('hex')}.json`)
  writeJson(file, { ref: { resourceId, deploymentId, releaseId }, owner: ownIdentity(), leader })
  return { done: () => rmSync(file, { force: true }) }
}

export function jobsOf(layout: Layout, resourceId: string): Job[] {
  const folder = layout.jobsOf(resourceId)
  return folderNames(folder).flatMap((name) => {
    const file = join(folder, name)
    const record = name.endsWith('.json') ? readRecord(file) : null
    const ref = parseRef(record?.ref)
    const owner = parseIdentity(record?.owner)
    const leader = parseIdentity(record?.leader)
    return ref === null || owner === null || leader === null ? [] : [{ file, ref, owner, leader }]
  })
}

/** Those whose engine is dead. */
export const orphanedJobs = (layout: Layout, resourceId: string): Job[] =>
  jobsOf(layout, resourceId).filter((job) => !isAlive(job.owner))

/**
 * A build carries no label of ours, and its leader may be gone (npm ends at a SIGTERM that its script ignores): what still has the
 * leader's group and works in a folder of ours is ours.
 */
function provenBy(layout: Layout) {
  const root = `${realpathSync(layout.root)}${sep}`
  return {
    proof: ({ pid }: ProcessRow): boolean => {
      try {
        return `${readlinkSync(`/proc/${pid}/cwd`)}${sep}`.startsWith(root)
      } catch {
        return false
      }
    },
  }
}

export const jobRuns = (layout: Layout, job: Job): boolean => groupMembers(job.leader, provenBy(layout)).length > 0

export async function endOrphanedJobs(layout: Layout, resourceId: string, which: (job: Job) => boolean): Promise<void> {
  for (const job of orphanedJobs(layout, resourceId).filter(which)) {
    await endGroup(job.leader, { graceMs: 2_000, ...provenBy(layout) })
    rmSync(job.file, { force: true })
  }
}
