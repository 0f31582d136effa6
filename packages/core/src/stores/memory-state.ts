import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import type { DeploymentEvent } from '../spec/events.js'
import type { Holder, Lease, LeaseRef } from '../spec/lease.js'
import { isTerminal, mayFollow } from '../spec/phases.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { ResourceRecord } from '../spec/resource.js'
import type { SealedSecret } from '../spec/secrets.js'
import type { Commit } from '../spec/store.js'

export interface DeploymentRow {
  record: DeploymentRecord
  /** Those after `prunedThrough`, without holes. */
  events: DeploymentEvent[]
  prunedThrough: number
  last: number
}

export interface State {
  resources: Map<string, ResourceRecord>
  sealed: Map<string, SealedSecret>
  deployments: Map<string, DeploymentRow>
  /** Resource and key to the deployment that it made. */
  idempotency: Map<string, string>
  releases: Map<string, ReleaseRecord>
  leases: Map<string, Lease>
  /** Never goes back, also when deployments are removed. */
  lastOrder: number
}

export const emptyState = (): State => ({
  resources: new Map(),
  sealed: new Map(),
  deployments: new Map(),
  idempotency: new Map(),
  releases: new Map(),
  leases: new Map(),
  lastOrder: 0,
})

export const noDeployment = (deploymentId: string): AppaloftError =>
  new AppaloftError('deployment-not-found', {
    message: `There is no deployment ${deploymentId}.`,
    details: { deploymentId },
  })

/** The lease, if it is still held under this token. */
export function heldBy(state: State, ref: LeaseRef): Lease | undefined {
  const lease = state.leases.get(ref.key)
  return lease !== undefined && lease.token === ref.token && lease.holder !== null ? lease : undefined
}

/** Is the lease still as the caller read it? A token belongs to one holder, so that holders need not be compared. */
export function claimable(present: Lease | undefined, expect: Lease | null, expectBeats: number | undefined): boolean {
  if (present === undefined || expect === null) return present === undefined && expect === null
  if (present.token !== expect.token || (present.holder === null) !== (expect.holder === null)) return false
  return present.holder === null || expectBeats === undefined || present.beats === expectBeats
}

export const grant = (key: string, holder: Holder, former: Lease | undefined, minToken: number | undefined): Lease => ({
  key,
  token: Math.max((former?.token ?? 0) + 1, minToken ?? 1),
  beats: 0,
  holder,
})

export interface Change {
  record: DeploymentRecord
  events: DeploymentEvent[]
  apply(): void
}

/** Judges a commit and makes ready what it writes. Nothing has changed until `apply`, which cannot fail. */
export function prepareChange(state: State, input: Commit, copy: <T>(value: T) => T): Change {
  const row = state.deployments.get(input.deploymentId)
  if (row === undefined) throw noDeployment(input.deploymentId)
  const { record } = row
  const deploymentId = record.id
  for (const guard of input.guards) {
    if (heldBy(state, guard) === undefined) {
      throw new AppaloftError('lease-lost', { details: { deploymentId, key: guard.key, token: guard.token } })
    }
  }
  if (input.expectVersion !== undefined && input.expectVersion !== record.version) {
    throw new AppaloftError('conflict', {
      message: `The deployment ${deploymentId} changed since it was read.`,
      details: { deploymentId, expected: input.expectVersion, present: record.version },
    })
  }
  const to = input.set?.status ?? record.status
  if (isTerminal(record.status) || !mayFollow(record.status, to)) {
    throw new AppaloftError('illegal-transition', {
      message: isTerminal(record.status)
        ? `The deployment ${deploymentId} has ended (${record.status}): nothing more is recorded.`
        : `${to} may not follow ${record.status} (${deploymentId}).`,
      details: { deploymentId, from: record.status, to },
    })
  }

  const next = input.set === undefined ? record : { ...record, ...copy(input.set), ...identity(record) }
  const events = copy((input.events ?? []).map((event, i) => ({ ...event, deploymentId, sequence: row.last + i + 1 })))
  const resource = withLive(state, record, input.live)
  return {
    record: next,
    events,
    apply() {
      row.record = next
      row.events.push(...events)
      row.last += events.length
      if (resource !== undefined) state.resources.set(resource.id, resource)
      for (const release of input.releases ?? []) state.releases.set(release.id, release)
      for (const ref of input.releaseLeases ?? []) {
        const lease = heldBy(state, ref)
        if (lease !== undefined) lease.holder = null
      }
    },
  }
}

/** What no patch may change, whatever its type was made to say. */
const identity = ({ id, order, version, resourceId, target, trigger, createdAt }: DeploymentRecord) => ({
  id,
  order,
  version: version + 1,
  resourceId,
  target,
  trigger,
  createdAt,
})

function withLive(state: State, record: DeploymentRecord, ref: Commit['live']): ResourceRecord | undefined {
  if (ref === undefined) return undefined
  const resource = state.resources.get(record.resourceId)
  if (resource === undefined) {
    if (ref === null) return undefined
    throw new AppaloftError('resource-not-found', {
      message: `There is no resource ${record.resourceId}.`,
      details: { resourceId: record.resourceId },
    })
  }
  const live = { ...resource.live }
  if (ref === null) delete live[record.target]
  else live[record.target] = { deploymentId: ref.deploymentId, releaseId: ref.releaseId }
  return { ...resource, live, stateVersion: resource.stateVersion + 1 }
}
