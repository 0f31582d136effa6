import type { Problem } from '../spec/api.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import type { NewEvent } from '../spec/events.js'
import { canonicalJson } from '../spec/json.js'
import { resourceLeaseKey } from '../spec/lease.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { ResourceRecord } from '../spec/resource.js'
import type { SealedSecret } from '../spec/secrets.js'
import type { Target } from '../spec/target.js'
import type { TargetRecord } from '../spec/target-records.js'
import { untilUndisturbed } from './environment.js'
import { toAppaloftError } from './errors.js'
import { holderGone } from './fences.js'
import { isEnded, type Kept, readKept } from './records.js'
import type { Runtime } from './runtime.js'

/*
 * What other stores did on a machine, as the machine tells it. "Newer" is there the greater token: tokens grow on the machine, whoever takes them.
 */

export interface Found {
  kept: Kept[]
  problems: Problem[]
}

/** Everything that can be read, oldest first. */
export function readAll(lying: readonly TargetRecord[], target: Target): Found {
  const found: Found = { kept: [], problems: [] }
  for (const one of lying) {
    try {
      found.kept.push(readKept(one, target.key))
    } catch (error) {
      found.problems.push(problemOf(one.resourceId, error))
    }
  }
  found.kept.sort((a, b) => tokenOf(a.deployment) - tokenOf(b.deployment))
  return found
}

export function problemOf(resourceId: string | null, error: unknown): Problem {
  const { code, message } = toAppaloftError(error)
  return { resourceId, code, message }
}

const tokenOf = ({ token }: Pick<DeploymentRecord, 'token'>): number => token ?? 0

/**
 * Brings into the store what it does not have of one resource. Idempotent. Answers with what cannot be brought in.
 *
 * @param open an attempt that has not ended: its release comes, and it does not
 */
export async function adopt(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  found: Found,
  open: readonly Kept[] = [],
): Promise<Problem[]> {
  const { store } = runtime
  return untilUndisturbed(async () => {
    const present = await store.getResource(resourceId)
    const fresh: Kept[] = []
    for (const one of found.kept)
      if (isEnded(one) && (await store.getDeployment(one.deployment.id)) === null) fresh.push(one)
    const releases = await store.listReleases({ resourceId, target: target.key })
    const left = found.problems.length > 0 ? [] : goneOf(releases, found.kept)
    if (fresh.length === 0 && left.length === 0 && open.length === 0) return []
    const own = await store.listDeployments({ resourceId, target: target.key, statuses: ['succeeded'], limit: 1000 })
    const resource = resourceOf(resourceId, present, { fresh, open, own, key: target.key })
    if (resource === null) return []
    const gone = left.filter((id) => id !== resource.live[target.key]?.releaseId)
    const { sealed, problems } = await sealedOf(runtime, resourceId, [...fresh, ...open])
    const arrived = [...releasesOf(fresh, releases, 'retained'), ...releasesOf(open, releases, 'candidate')]
    await store.adopt({
      resource,
      expected: present?.stateVersion ?? null,
      deployments: fresh.map(({ deployment }) => ({ record: recordOf(deployment), events: eventsOf(deployment) })),
      releases: arrived,
      promotions: promotionsOf([...releases.filter(({ id }) => !gone.includes(id)), ...arrived], found.kept, own),
      gone,
      sealed,
    })
    return problems
  })
}

/** Releases that were on the machine and were let go of by another store. */
const goneOf = (releases: readonly ReleaseRecord[], kept: readonly Kept[]): string[] =>
  kept.some(isEnded)
    ? releases
        .filter(({ state, recorded }) => state === 'retained' && recorded === true)
        .filter(({ id }) => !kept.some(({ release }) => release.id === id))
        .map(({ id }) => id)
    : []

interface Known {
  fresh: readonly Kept[]
  open: readonly Kept[]
  own: readonly DeploymentRecord[]
  key: string
}

/** What the newest attempt tells, unless this store knows better: what is live, and how the resource is defined. Null: it was removed since. */
function resourceOf(
  id: string,
  present: ResourceRecord | null,
  { fresh, open, own, key }: Known,
): Omit<ResourceRecord, 'stateVersion'> | null {
  const last = Math.max(0, ...own.filter(({ promotion }) => promotion === 'recorded').map(tokenOf))
  const newest = fresh.at(-1)
  const newer = newest !== undefined && tokenOf(newest.deployment) > last ? newest : undefined
  const told = (newer ?? open.at(-1))?.resource
  const live = newer && { [key]: { deploymentId: newer.deployment.id, releaseId: newer.release.id } }
  if (present === null)
    return told === undefined ? null : { ...told, id, definition: { ...told.definition, id }, live: live ?? {} }
  const { stateVersion: _version, ...rest } = present
  const moved = { ...rest, live: { ...rest.live, ...live } }
  if (newer === undefined || !wasDeployed(present, fresh, own)) return moved
  const { variables: _names, ...kept } = moved
  const { definition, variables, updatedAt } = newer.resource
  return { ...kept, definition: { ...definition, id }, ...(variables ? { variables } : {}), updatedAt }
}

/** A definition that somebody has deployed before gives way to a newer one's; what was defined here since stays. */
function wasDeployed(
  { definition }: ResourceRecord,
  fresh: readonly Kept[],
  own: readonly DeploymentRecord[],
): boolean {
  const text = canonicalJson(definition)
  const same = (one: object) => canonicalJson(one) === text
  return (
    own.some((one) => same(one.definition)) ||
    fresh.some(({ deployment, resource }) => same(deployment.definition) || same(resource.definition))
  )
}

function recordOf(deployment: DeploymentRecord): Omit<DeploymentRecord, 'order' | 'version'> {
  const { order: _order, version: _version, request, ...rest } = deployment
  const { idempotencyKey: _key, ...asked } = request
  return { ...rest, request: asked, adopted: true }
}

const eventsOf = ({ createdAt, finishedAt, resourceId, trigger, target, status }: DeploymentRecord): NewEvent[] => [
  { type: 'deployment-accepted', at: createdAt, data: { resourceId, trigger, target } },
  {
    type: 'deployment-finished',
    at: finishedAt ?? createdAt,
    phase: 'verify',
    level: 'info',
    message: status,
    data: { status, adopted: true },
  },
]

/** Each once, as the last attempt with it tells. */
function releasesOf(
  fresh: readonly Kept[],
  known: readonly ReleaseRecord[],
  state: ReleaseRecord['state'],
): ReleaseRecord[] {
  const made = new Map(fresh.map(({ release }) => [release.id, release]))
  for (const { id } of known) made.delete(id)
  return [...made.values()].map(({ promotedOrder: _order, ...one }) => ({ ...one, state, recorded: true }))
}

/** Retained releases by the token of their last promotion. */
function promotionsOf(
  releases: readonly ReleaseRecord[],
  kept: readonly Kept[],
  own: readonly DeploymentRecord[],
): string[] {
  const promoted = [...own, ...kept.filter(isEnded).map(({ deployment }) => deployment)]
  const last = ({ id }: ReleaseRecord) =>
    Math.max(
      0,
      ...promoted.filter(({ releaseId, promotion }) => releaseId === id && promotion === 'recorded').map(tokenOf),
    )
  return releases
    .filter(({ state }) => state === 'retained')
    .map((one) => ({ id: one.id, token: last(one), order: one.promotedOrder ?? 0 }))
    .sort((a, b) => a.token - b.token || a.order - b.order)
    .map(({ id }) => id)
}

/** Versions that are not here yet. Another value under a version that is here stays where it is, and is told. */
async function sealedOf(
  { store }: Runtime,
  resourceId: string,
  fresh: readonly Kept[],
): Promise<{ sealed: SealedSecret[]; problems: Problem[] }> {
  const sealed = new Map<string, SealedSecret>()
  const problems = new Map<string, Problem>()
  for (const one of fresh.flatMap((kept) => kept.sealed)) {
    const { name, version } = one
    const key = `${name}\n${version}`
    const known = sealed.get(key) ?? (await store.getSealed({ resourceId, name, version }))
    if (known === null) sealed.set(key, { ...one, resourceId })
    else if (known.digest !== one.digest)
      problems.set(key, {
        resourceId,
        code: 'secret-unavailable',
        message: `Version ${version} of the secret ${name} has another value, or was sealed with another key, where it was deployed: releases that name that one cannot be rolled back to from here.`,
      })
  }
  return { sealed: [...sealed.values()], problems: [...problems.values()] }
}

/** Is an attempt of this store at work on it? It adopts under its lease. */
export async function isBusy(runtime: Runtime, resourceId: string, key: string): Promise<boolean> {
  const lease = await runtime.store.readLease(resourceLeaseKey(resourceId, key))
  return lease?.holder != null && !holderGone(runtime, lease)
}
