import type { DeploymentRecord } from './deployment.js'
import { AppaloftError } from './errors.js'
import type { DeploymentEvent, NewEvent } from './events.js'
import type { Lease, LeaseRef } from './lease.js'
import { isTerminal, mayFollow } from './phases.js'
import type { ResourceRecord } from './resource.js'
import type { SealedSecret, SecretContext } from './secrets.js'
import type { Adopt, Commit, DeploymentPatch } from './store.js'

// The rules that are the same in every store, pure, for those who write one: how they keep records differs, what they refuse does not.

/** What a store must know of a deployment to judge a commit. */
export type DeploymentHead = Pick<DeploymentRecord, 'id' | 'status' | 'version'>

/** Version and transition. Guards come before it: `conflict`, then `illegal-transition`. */
export function judgeCommit(head: DeploymentHead, input: Pick<Commit, 'expectVersion' | 'set'>): void {
  const { id: deploymentId, status: from, version: present } = head
  if (input.expectVersion !== undefined && input.expectVersion !== present) {
    throw new AppaloftError('conflict', {
      message: `The deployment ${deploymentId} changed since it was read.`,
      details: { deploymentId, expected: input.expectVersion, present },
    })
  }
  const to = input.set?.status ?? from
  if (isTerminal(from) || !mayFollow(from, to)) {
    throw new AppaloftError('illegal-transition', {
      message: isTerminal(from)
        ? `The deployment ${deploymentId} has ended (${from}): nothing more is recorded.`
        : `The status ${to} may not follow ${from} (${deploymentId}).`,
      details: { deploymentId, from, to },
    })
  }
}

/** The record after a patch: its version raised, what never changes kept, fields that are undefined left alone. */
export function patchRecord(record: DeploymentRecord, set: DeploymentPatch): DeploymentRecord {
  const { id, order, version, resourceId, target, trigger, createdAt } = record
  const given = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined))
  return { ...record, ...given, id, order, version: version + 1, resourceId, target, trigger, createdAt }
}

/** Events with their sequences, after the last one given. */
export const numberEvents = (deploymentId: string, last: number, events: readonly NewEvent[] = []): DeploymentEvent[] =>
  events.map((event, i) => ({ ...event, deploymentId, sequence: last + i + 1 }))

/**
 * The resource after `commit.live`, or undefined where nothing changes. `resource-not-found` where a release should go live on a
 * resource that was removed.
 */
export function withLive(
  resource: ResourceRecord | undefined,
  deployment: Pick<DeploymentRecord, 'resourceId' | 'target'>,
  live: Commit['live'],
): ResourceRecord | undefined {
  if (live === undefined || (live === null && resource === undefined)) return undefined
  if (resource === undefined) {
    throw new AppaloftError('resource-not-found', {
      message: `There is no resource ${deployment.resourceId}.`,
      details: { resourceId: deployment.resourceId },
    })
  }
  const next = { ...resource.live }
  if (live === null) delete next[deployment.target]
  else next[deployment.target] = { deploymentId: live.deploymentId, releaseId: live.releaseId }
  return { ...resource, live: next, stateVersion: resource.stateVersion + 1 }
}

/** Only what has ended is adopted: nobody here would bring the rest to its end. */
export function judgeAdoption({ deployments }: Pick<Adopt, 'deployments'>): void {
  const open = deployments.find(({ record }) => !isTerminal(record.status))?.record
  if (open === undefined) return
  throw new AppaloftError('illegal-transition', {
    message: `The deployment ${open.id} has not ended (${open.status}).`,
    details: { deploymentId: open.id, from: open.status, to: open.status },
  })
}

/** `promotedOrder` of each of so many promotions, oldest first: the newest has the last order that was given. */
export const promotedOrders = (count: number, lastOrder: number): number[] =>
  Array.from({ length: count }, (_, at) => lastOrder - count + 1 + at)

/** Is the lease still as the caller read it? A token belongs to one holder, so that holders need not be compared. */
export function isClaimable(present: Lease | undefined, expect: Lease | null, expectBeats?: number): boolean {
  if (present === undefined || expect === null) return present === undefined && expect === null
  if (present.token !== expect.token || (present.holder === null) !== (expect.holder === null)) return false
  return present.holder === null || expectBeats === undefined || present.beats === expectBeats
}

/** Above every former token, and at least `minToken`. */
export const nextToken = (former: number | undefined, minToken = 1): number => Math.max((former ?? 0) + 1, minToken)

export const storeErrors = {
  noDeployment: (deploymentId: string) =>
    new AppaloftError('deployment-not-found', {
      message: `There is no deployment ${deploymentId}.`,
      details: { deploymentId },
    }),
  deploymentExists: (deploymentId: string) =>
    new AppaloftError('conflict', {
      message: `The deployment ${deploymentId} exists already.`,
      details: { deploymentId },
      retriable: false,
    }),
  leaseLost: (deploymentId: string, guard: LeaseRef) =>
    new AppaloftError('lease-lost', { details: { deploymentId, key: guard.key, token: guard.token } }),
  resourceLeaseLost: (resourceId: string, guard: LeaseRef) =>
    new AppaloftError('lease-lost', { details: { resourceId, key: guard.key, token: guard.token } }),
  resourceChanged: (resourceId: string, expected: number | null, present: number | null) =>
    new AppaloftError('conflict', {
      message: `The resource ${resourceId} changed since it was read.`,
      details: { resourceId, expected, present },
    }),
  secretExists: ({ resourceId, name, version }: SecretContext | SealedSecret) =>
    new AppaloftError('conflict', {
      message: `Version ${version} of the secret ${name} exists with another value.`,
      details: { resourceId, name, version },
    }),
}
