import type { DeploymentRecord } from '../spec/deployment.js'
import type { DeploymentEvent } from '../spec/events.js'
import type { Lease, LeaseRef } from '../spec/lease.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { ResourceRecord } from '../spec/resource.js'
import type { SealedSecret } from '../spec/secrets.js'
import type { Commit } from '../spec/store.js'
import { judgeCommit, numberEvents, patchRecord, storeErrors, withLive } from '../spec/store-rules.js'

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

/**
 * What leaves the store and what enters it is copied as every other store does it: what JSON cannot carry is lost, `undefined` above
 * all. By hand, since simulations copy many thousand records a second: this takes half the time of JSON itself.
 */
export function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return isJson(value) ? value : (null as T)
  if (Array.isArray(value)) return value.map(copy) as T
  if ('toJSON' in value) return JSON.parse(JSON.stringify(value)) as T
  const made: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined || typeof inner === 'function' || typeof inner === 'symbol') continue
    if (key === '__proto__') Object.defineProperty(made, key, { value: copy(inner), ...plain })
    else made[key] = copy(inner)
  }
  return made as T
}
const plain = { enumerable: true, configurable: true, writable: true }
const isJson = (value: unknown): boolean =>
  typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isFinite(value)

export const copyOrNull = <T>(value: T | undefined): T | null => (value === undefined ? null : copy(value))

/** The lease, if it is still held under this token. */
export function heldBy(state: State, ref: LeaseRef): Lease | undefined {
  const lease = state.leases.get(ref.key)
  return lease !== undefined && lease.token === ref.token && lease.holder !== null ? lease : undefined
}

export interface Change {
  record: DeploymentRecord
  events: DeploymentEvent[]
  apply(): void
}

/** Judges a commit and makes ready what it writes. Nothing has changed until `apply`, which cannot fail. */
export function prepareChange(state: State, input: Commit): Change {
  const row = state.deployments.get(input.deploymentId)
  if (row === undefined) throw storeErrors.noDeployment(input.deploymentId)
  const { record } = row
  for (const guard of input.guards) {
    if (heldBy(state, guard) === undefined) throw storeErrors.leaseLost(record.id, guard)
  }
  judgeCommit(record, input)

  const next = input.set === undefined ? record : copy(patchRecord(record, input.set))
  const events = copy(numberEvents(record.id, row.last, input.events))
  const releases = copy(input.releases ?? [])
  const resource = withLive(state.resources.get(record.resourceId), record, input.live)
  return {
    record: next,
    events,
    apply() {
      row.record = next
      for (const event of events) row.events.push(event)
      row.last += events.length
      if (resource !== undefined) state.resources.set(resource.id, resource)
      for (const release of releases) state.releases.set(release.id, release)
      for (const ref of input.releaseLeases ?? []) {
        const lease = heldBy(state, ref)
        if (lease !== undefined) lease.holder = null
      }
    },
  }
}
