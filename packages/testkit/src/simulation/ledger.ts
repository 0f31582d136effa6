import {
  type Commit,
  type DeploymentEvent,
  type DeploymentPatch,
  type DeploymentRecord,
  type Lease,
  patchRecord,
  type ReleaseRecord,
  type ResourceRecord,
} from '@appaloft/core/spec'
import type { SimulatedProcess } from './process.js'

export interface Entry {
  record: DeploymentRecord
  events: DeploymentEvent[]
  /** Phases and steps that began and have no end yet. */
  open: Set<string>
  /** The step of the run at which its rollback began, and at which its promotion was intended. */
  rollbackStep: number
  promotionStep: number
  /** The process that created it. */
  owner: SimulatedProcess
  /** The process under whose lease it is now. */
  keeper: SimulatedProcess
  pruned: boolean
}

export interface HeldLease {
  lease: Lease
  process: SimulatedProcess
  /** Of its last successful beat, or of its taking. */
  beatAt: number
}

/** What the store was told and has answered, as the simulation saw it: a second book, kept at the moment of each effect. */
export class Ledger {
  readonly deployments = new Map<string, Entry>()
  readonly resources = new Map<string, ResourceRecord>()
  readonly releases = new Map<string, ReleaseRecord>()
  readonly leases = new Map<string, HeldLease>()
  /** What was built for releases that were ever recorded. */
  readonly builds = new Set<string>()
  /** Releases that `prune` let go of, or was about to: between the build and the record it may have died. */
  readonly pruned = new Set<string>()
  /** Deployments that were removed with their resource. */
  readonly gone = new Set<string>()

  of(resourceId: string): Entry[] {
    return [...this.deployments.values()].filter((one) => one.record.resourceId === resourceId)
  }

  live(resourceId: string): { deploymentId: string; releaseId: string } | null {
    const [only] = Object.values(this.resources.get(resourceId)?.live ?? {})
    return only ?? null
  }

  /** The attempt under whose lease of the resource a token was given. */
  actor(resourceId: string, token: number): Entry | undefined {
    for (const { lease } of this.leases.values()) {
      if (lease.token !== token || !lease.key.startsWith(`resource:${resourceId}@`)) continue
      return this.deployments.get(lease.holder?.deploymentId ?? '')
    }
    return undefined
  }

  /** Releases to go back to. */
  retained(resourceId: string): ReleaseRecord[] {
    return [...this.releases.values()].filter((one) => one.resourceId === resourceId && one.state === 'retained')
  }

  created(record: DeploymentRecord, events: DeploymentEvent[], process: SimulatedProcess): Entry {
    const rest = { open: new Set<string>(), rollbackStep: -1, promotionStep: -1, pruned: false }
    const entry = { record, events, owner: process, keeper: process, ...rest }
    this.deployments.set(record.id, entry)
    return entry
  }

  /** What a commit changes beside the deployment itself. */
  also({ releases, live, releaseLeases }: Commit, record: DeploymentRecord): void {
    for (const release of releases ?? []) {
      this.releases.set(release.id, release)
      this.builds.add(String(release.artifact.build))
    }
    const resource = this.resources.get(record.resourceId)
    if (live !== undefined && resource !== undefined) {
      const { [record.target]: _former, ...rest } = resource.live
      const next = live === null ? rest : { ...rest, [record.target]: live }
      this.resources.set(resource.id, { ...resource, live: next, stateVersion: resource.stateVersion + 1 })
    }
    for (const { key, token } of releaseLeases ?? []) this.released(key, token)
  }

  released(key: string, token: number): void {
    const held = this.leases.get(key)
    if (held?.lease.token === token) held.lease = { ...held.lease, holder: null }
  }

  patched(id: string, set: DeploymentPatch): DeploymentRecord | undefined {
    const entry = this.deployments.get(id)
    return entry === undefined ? undefined : patchRecord(entry.record, set)
  }
}
