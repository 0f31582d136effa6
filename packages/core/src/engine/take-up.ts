import type { Problem } from '../spec/api.js'
import { hasCode } from '../spec/errors.js'
import type { NewEvent } from '../spec/events.js'
import { type Lease, resourceLeaseKey } from '../spec/lease.js'
import { isTerminal, type Status } from '../spec/phases.js'
import type { Target } from '../spec/target.js'
import type { MachineLease } from '../spec/target-lease.js'
import { adopt, type Found, readAll } from './adopt.js'
import { holderGone, raiseFences, readMarks, takeLease } from './fences.js'
import { foreignHolder, othersOn, ownerOf } from './machine.js'
import { isEnded, type Kept } from './records.js'
import type { Runtime } from './runtime.js'
import { isServed, refOf, tellEnded } from './served.js'

/**
 * It becomes one of this store's without a living holder, and ends as every such does. The fence is raised in its name first, and it is looked at
 * again above it: whoever had it before may have come back, and told of its end, since it was read.
 */
export async function takeUp(
  runtime: Runtime,
  target: Target,
  open: Kept,
): Promise<{ status: Status | null; problems: Problem[] }> {
  const { store, engineId, holdings } = runtime
  const { id, resourceId } = open.deployment
  const key = resourceLeaseKey(resourceId, target.key)
  const nothing = { status: null, problems: [inProgress(open)] }
  const expect = await store.readLease(key)
  if (await isTaken(runtime, expect)) return nothing
  const known = await readMarks(target, resourceId)
  if ((await foreignHolder(runtime, target, resourceId, known.lease)) !== null) return nothing
  const taken = await takeLease(runtime, target, resourceId, known, { expect, deploymentId: id })
  if (taken === null) return nothing
  let ours = false
  try {
    const others = othersOn(runtime, target, resourceId)
    await raiseFences(target, resourceId, taken.token, `${id}+${engineId}`, { known, others })
    const found = readAll((await target.records?.list(resourceId)) ?? [], target)
    const present = found.kept.find(({ deployment }) => deployment.id === id)
    if (present !== undefined && !isEnded(present)) {
      ours = !(await wasLeftServing(target, present, known.lease))
      if (ours) await create(runtime, target, found, present)
      else await tellEnded(target, found, present, { at: runtime.now(), token: taken.token })
    }
    if (ours) return { status: await runtime.recover(id, engineId), problems: found.problems }
    return { status: null, problems: await adopt(runtime, target, resourceId, found) }
  } finally {
    holdings.drop(taken)
    // Of what was taken up it stays in its name: whoever comes next finds that it is not at its end.
    if (!ours) {
      runtime.beside((target.lease?.release(resourceId, taken.token) ?? Promise.resolve()).catch(() => undefined))
      await store.releaseLease({ key, token: taken.token }).catch(() => {})
    }
  }
}

/** An attempt of this store comes first: to its own end, or to that of another's. */
export async function isTaken(runtime: Runtime, lease: Lease | null): Promise<boolean> {
  if (lease?.holder == null) return false
  const attempt = await runtime.store.getDeployment(lease.holder.deploymentId)
  return !holderGone(runtime, lease) || (attempt !== null && !isTerminal(attempt.status))
}

async function create(runtime: Runtime, target: Target, found: Found, open: Kept): Promise<void> {
  const { store } = runtime
  const { order: _order, version: _version, ...record } = open.deployment
  const { id, resourceId } = record
  await adopt(runtime, target, resourceId, found, [open])
  try {
    const { lease } = await store.createDeployment({
      record: { ...record, adopted: true },
      holder: runtime.holder(id),
      events: begunOf(open),
    })
    if (lease !== null) await store.releaseLease(lease)
  } catch (error) {
    // Another engine with this store was faster.
    if (!hasCode(error, 'conflict')) throw error
  }
}

/** What is open in it: whoever follows it from here sees a beginning of each end. */
function begunOf({ deployment }: Kept): NewEvent[] {
  const { createdAt: at, resourceId, trigger, target, releaseId } = deployment
  const verify = { at, phase: 'verify', data: { adopted: true } } as const
  return [
    { type: 'deployment-accepted', at, data: { resourceId, trigger, target } },
    { type: 'phase-started', ...verify },
    { type: 'step-started', ...verify, step: 'promote', data: { releaseId, adopted: true } },
  ]
}

/** Whoever came after it is gone too, and gave the traffic back to it: there is nothing of it to be brought to an end. */
async function wasLeftServing(target: Target, open: Kept, machine: MachineLease | null): Promise<boolean> {
  const { id, token } = open.deployment
  if (machine === null || machine.token <= (token ?? 0)) return false
  // Who took it up, and died in it, came for it alone.
  return ownerOf(machine) !== id && isServed(target, refOf(open), open.release.plan)
}

export const inProgress = ({ deployment: { id, resourceId, target } }: Kept): Problem => ({
  resourceId,
  code: 'deployment-in-progress',
  message: `${id} is at work on ${target} with another store, or died there while it took the traffic: reconcile ends it.`,
})
