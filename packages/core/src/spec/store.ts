import type { DeploymentRecord } from './deployment.js'
import type { DeploymentEvent, NewEvent } from './events.js'
import type { Holder, Lease, LeaseRef } from './lease.js'
import type { Status } from './phases.js'
import type { ReleaseRecord } from './release.js'
import type { ResourceRecord } from './resource.js'
import type { SealedSecret, SecretContext } from './secrets.js'
import type { WakeupListener } from './wakeups.js'

/**
 * What a commit may change of a deployment. `id`, `order`, `version`, `resourceId`, `target`, `trigger` and `createdAt` never change; a
 * field that is undefined stays as it is.
 */
export type DeploymentPatch = Partial<
  Omit<DeploymentRecord, 'id' | 'order' | 'version' | 'resourceId' | 'target' | 'trigger' | 'createdAt'>
>

/**
 * One journal boundary: everything in it becomes durable together or not at all.
 *
 * Refused, in this order, with `deployment-not-found`, `lease-lost` (a guard's token is not the present one, or the lease was released), `conflict` (`expectVersion`),
 * `illegal-transition` (the status may not follow, or the deployment is terminal: then no commit at all, not even events), `resource-not-found` (`live` is a release
 * and the resource was removed).
 */
export interface Commit {
  deploymentId: string
  /** Leases that must be held with these tokens. */
  guards: readonly LeaseRef[]
  /** The record's version must be this. Default: any. `set` raises the version; events alone leave it, so that log lines disturb nobody's compare-and-set. */
  expectVersion?: number
  set?: DeploymentPatch
  /** Appended in this order; the store gives each its sequence. */
  events?: readonly NewEvent[]
  /** Inserted or replaced. */
  releases?: readonly ReleaseRecord[]
  /** Sets what is live on the deployment's target (null: nothing), and raises the resource's `stateVersion`. */
  live?: { deploymentId: string; releaseId: string } | null
  /** Given back in the same transaction. */
  releaseLeases?: readonly LeaseRef[]
  /** Must it survive power loss when it resolves? Default true; log lines alone may do without. */
  durable?: boolean
}

export interface CreateDeployment {
  /** `order` and `version` are given by the store and ignored here. */
  record: Omit<DeploymentRecord, 'order' | 'version'>
  /** Takes the attempt's own lease in the same transaction. */
  holder: Holder
  /** With a key that this resource has used before, nothing is created and the former deployment is the answer. */
  idempotencyKey?: string
  events: readonly NewEvent[]
}

export interface AcquireLease {
  key: string
  holder: Holder
  /** The lease as it was read, or null where there was none: refused (null) if it changed since, its beats excepted. */
  expect: Lease | null
  /** With `expect.holder` not null: the counter as it was when it was last seen moving; refused if it moved on. Default: not compared. */
  expectBeats?: number
  /** The new token is at least this, and above every former one. Default 1. */
  minToken?: number
  /** Changes another deployment in the same transaction, if its version is still this: how a newer attempt supersedes an older one. */
  with?: { deploymentId: string; expectVersion: number; set: DeploymentPatch; events?: readonly NewEvent[] }
}

/** What a machine knows of a resource and this store does not, as one transaction. */
export interface Adopt {
  /** The resource as it is to be, with what is live. */
  resource: Omit<ResourceRecord, 'stateVersion'>
  /** Compare-and-set on `stateVersion`, as of `putResource`. */
  expected: number | null
  /** Ended ones. Those that are known stay as they are; the others get their order in the order given, and no lease. */
  deployments: readonly { record: Omit<DeploymentRecord, 'order' | 'version'>; events: readonly NewEvent[] }[]
  /** Those that are known stay as they are. */
  releases: readonly ReleaseRecord[]
  /** Ids of retained releases by their last promotion, the newest last: each gets a `promotedOrder` above the former's, none above the last order given. */
  promotions: readonly string[]
  /** Ids of releases that are no longer there. */
  gone?: readonly string[]
  /** As of `putSealed`: a version that exists stays, and another value under it is `conflict`. */
  sealed: readonly SealedSecret[]
}

export interface EventsRead {
  events: DeploymentEvent[]
  /** Events up to this sequence were pruned; 0: none. */
  prunedThrough: number
  /** The last sequence given so far; 0: none. */
  last: number
}

export interface DeploymentQuery {
  resourceId?: string
  target?: string
  statuses?: readonly Status[]
  /** Older than this order (exclusive): for paging. */
  before?: number
  /** Default 50, at most 1,000. */
  limit?: number
}

/**
 * Where resources, deployments, releases, events and leases live. Reads never create anything: a missing file reads as empty.
 * Records are parsed when read: `store-corrupt` names the record that does not parse. All methods may be called concurrently and, where
 * `shared` says so, from several processes at once. Errors beside those named: `store-unavailable`.
 */
export interface Store {
  readonly specVersion: 1
  readonly key: string
  readonly capabilities: {
    /** Does it survive the process? */
    durable: boolean
    /** Who may share it: nobody else, processes of one machine, or machines. */
    shared: 'process' | 'machine' | 'network'
  }

  getResource(id: string): Promise<ResourceRecord | null>
  listResources(): Promise<ResourceRecord[]>
  /**
   * Compare-and-set on `stateVersion` (null: must not exist): `conflict` otherwise. The stored version is `expected + 1`, or 1. Before it,
   * `lease-lost` where a guard is not held with its token.
   */
  putResource(
    record: Omit<ResourceRecord, 'stateVersion'>,
    expected: number | null,
    options?: { guards?: readonly LeaseRef[] },
  ): Promise<ResourceRecord>
  /**
   * With its releases, sealed secrets and, by `deployments`, its deployments with their events and own leases. Idempotent. `lease-lost`
   * where a guard is not held with its token.
   */
  removeResource(id: string, options?: { deployments?: boolean; guards?: readonly LeaseRef[] }): Promise<void>

  getSealed(context: SecretContext): Promise<SealedSecret | null>
  /** All versions of a resource's secrets, or of one, by name and version. */
  listSealed(resourceId: string, name?: string): Promise<SealedSecret[]>
  /** Never replaces: a version that exists stays, and a different value under it (another digest) is `conflict`. */
  putSealed(secret: SealedSecret): Promise<void>
  removeSealed(context: SecretContext): Promise<void>

  /** `conflict` where the id exists. The version begins at 1. */
  createDeployment(
    input: CreateDeployment,
  ): Promise<{ created: boolean; deployment: DeploymentRecord; lease: Lease | null }>
  getDeployment(id: string): Promise<DeploymentRecord | null>
  /** Newest first. */
  listDeployments(query?: DeploymentQuery): Promise<DeploymentRecord[]>
  commit(input: Commit): Promise<{ deployment: DeploymentRecord; events: DeploymentEvent[] }>

  /**
   * Brings in what other stores did, all or nothing: `conflict` for the resource or a sealed secret, `illegal-transition` for a deployment that has not
   * ended. Made again, it changes nothing but the resource's `stateVersion`.
   */
  adopt(input: Adopt): Promise<ResourceRecord>

  getRelease(id: string): Promise<ReleaseRecord | null>
  /** Newest first by creation. */
  listReleases(query: {
    resourceId: string
    target?: string
    states?: readonly ReleaseRecord['state'][]
  }): Promise<ReleaseRecord[]>
  /** Retention: forgets a release. Idempotent. */
  removeRelease(id: string): Promise<void>

  /** Events after a sequence (default 0), oldest first, at most `limit` (default 1,000). `deployment-not-found`. */
  readEvents(deploymentId: string, options?: { after?: number; limit?: number }): Promise<EventsRead>
  /** Removes events up to a sequence and remembers the mark. Returns how many; 0 where there is no such deployment. Idempotent. */
  pruneEvents(deploymentId: string, through: number): Promise<number>
  /**
   * Wakes the listener after commits, by this or any other process: "something changed, read again". May wake too often, never too
   * seldom, beats of leases excepted. Tells which deployments changed, where the store knows it. Keeps no process alive. A listener that throws
   * disturbs nobody. Returns the end of the subscription.
   */
  subscribe(listener: WakeupListener): () => void

  readLease(key: string): Promise<Lease | null>
  /** Null: someone was faster, also where `with` finds another version or no deployment. The answer's `beats` is 0. Else `with` is judged as a commit is. */
  acquireLease(input: AcquireLease): Promise<Lease | null>
  /** Beats every lease still held under its token, in one transaction; answers with the keys of those that are not. */
  beatLeases(leases: readonly LeaseRef[]): Promise<string[]>
  /** Idempotent; a lease held under another token is left alone. The token stays, so that it keeps growing. */
  releaseLease(lease: LeaseRef): Promise<void>

  close(): Promise<void>
}
