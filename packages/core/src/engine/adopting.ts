import type { Problem, ReconcileReport } from '../spec/api.js'
import { hasCode } from '../spec/errors.js'
import type { NewEvent } from '../spec/events.js'
import { resourceLeaseKey } from '../spec/lease.js'
import type { Plan } from '../spec/plan.js'
import type { RunningRef, Target } from '../spec/target.js'
import { adopt, type Found, isBusy, problemOf, readAll } from './adopt.js'
import type { Attempt } from './attempt.js'
import { toAppaloftError } from './errors.js'
import { foreignHolder } from './machine.js'
import { isEnded, type Kept } from './records.js'
import { usesProxy } from './routes.js'
import type { Runtime } from './runtime.js'

interface Options {
  signal?: AbortSignal
  /** What may still be at work is brought to its end, too: the fence keeps it out. */
  thorough?: boolean
}

/**
 * What the machines tell, of every resource that no attempt of this store is at work on. A machine that does not answer hinders nobody.
 *
 * @returns resources and targets of which something is not known here: what is there is not to be mended; and those with such an attempt
 */
export async function adoptAll(
  runtime: Runtime,
  report: Pick<ReconcileReport, 'ended' | 'problems'>,
  options: Options,
): Promise<{ unknown: Set<string>; busy: Set<string> }> {
  const { signal } = options
  const unknown = new Set<string>()
  const busy = new Set<string>()
  const all = [...runtime.targets.values()].map(async (target) => {
    try {
      const lying = (await target.records?.list(undefined, signal ? { signal } : {})) ?? []
      for (const id of new Set(lying.map(({ resourceId }) => resourceId))) {
        const own = lying.filter(({ resourceId }) => resourceId === id)
        const key = resourceLeaseKey(id, target.key)
        const found = readAll(own, target)
        if (await isBusy(runtime, id, target.key)) busy.add(key)
        const problems = busy.has(key) ? found.problems : await adoptOne(runtime, target, id, found, report, options)
        if (problems.some(({ code }) => code !== 'secret-unavailable')) unknown.add(key)
        report.problems.push(...problems)
      }
    } catch (error) {
      signal?.throwIfAborted()
      report.problems.push(problemOf(null, error))
    }
  })
  await Promise.all(all)
  return { unknown, busy }
}

/** Before something is decided by what is live: other stores may have been there since. What the machine does not tell now is as it was. */
export async function adoptLatest(runtime: Runtime, target: Target, id: string): Promise<void> {
  if (target.records === undefined || (await isBusy(runtime, id, target.key))) return
  try {
    await adopt(runtime, target, id, readAll(await target.records.list(id), target))
  } catch (error) {
    if (toAppaloftError(error).code === 'internal-error') throw error
  }
}

async function adoptOne(
  runtime: Runtime,
  target: Target,
  id: string,
  found: Found,
  report: Pick<ReconcileReport, 'ended'>,
  options: Options,
): Promise<Problem[]> {
  const problems = [...found.problems]
  try {
    problems.push(...(await adopt(runtime, target, id, found)))
    for (const one of await openOf(runtime, found)) {
      const { deployment } = one
      if (!(await isFree(runtime, target, id, options))) problems.push(inProgress(one))
      else if (await wasLeftServing(target, one)) {
        found.kept.splice(found.kept.indexOf(one), 1, endedAs(one, runtime.now()))
        problems.push(...(await adopt(runtime, target, id, found)))
      } else {
        const status = await takeUp(runtime, target, found, one)
        if (status !== null) report.ended.push({ deploymentId: deployment.id, status })
      }
    }
  } catch (error) {
    problems.push(problemOf(id, error))
  }
  return problems
}

/** Does nobody hold the machine for another store? With `thorough`, a holder is watched until it is known. */
export async function isFree(runtime: Runtime, target: Target, id: string, { thorough = false, signal }: Options) {
  for (let first: number | undefined; ; ) {
    const machine = (await target.lease?.read(id)) ?? null
    const holder = await foreignHolder(runtime, target, id, machine)
    // A target without leases tells nothing of who is at work: the fence keeps out whoever still is.
    if (holder === null) return target.lease !== undefined || thorough
    first ??= holder.beats
    if (!thorough || holder.beats !== first) return false
    await runtime.pause(500, signal)
  }
}

const inProgress = ({ deployment: { id, resourceId, target } }: Kept): Problem => ({
  resourceId,
  code: 'deployment-in-progress',
  message: `${id} is at work on ${target} with another store, or died there while it took the traffic: reconcile ends it.`,
})

/** Attempts of other stores that had begun to take the traffic, and of which the machine knows no end. */
async function openOf({ store }: Runtime, { kept }: Found): Promise<Kept[]> {
  const open: Kept[] = []
  for (const one of kept) if (!isEnded(one) && (await store.getDeployment(one.deployment.id)) === null) open.push(one)
  return open
}

/** It becomes one of this store's without a living holder, and ends as every such does. */
async function takeUp(runtime: Runtime, target: Target, found: Found, open: Kept) {
  const { store, engineId } = runtime
  const { order: _order, version: _version, ...record } = open.deployment
  const { id, resourceId } = record
  await adopt(runtime, target, resourceId, found, [open])
  try {
    const { lease } = await store.createDeployment({ record, holder: runtime.holder(id), events: begunOf(open) })
    if (lease !== null) await store.releaseLease(lease)
  } catch (error) {
    // Another engine with this store was faster.
    if (!hasCode(error, 'conflict')) throw error
  }
  return runtime.recover(id, engineId)
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

/**
 * An attempt has the lease of its resource: what others did there since is adopted, and what they left open judged by what is served.
 *
 * @returns is what is live there known here by now?
 */
export async function adoptUnderLease(attempt: Attempt): Promise<boolean> {
  const { runtime, target, record, signal } = attempt
  const { resourceId } = record
  if (target.records === undefined) return false
  const found = readAll(await target.records.list(resourceId, { signal }), target)
  for (const one of await openOf(runtime, found)) await judge(attempt, found, one)
  for (const { code, message } of [...found.problems, ...(await adopt(runtime, target, resourceId, found))])
    attempt.defer({ events: [attempt.event({ type: 'warning', level: 'warn', message, data: { code } })] })
  const live = (await runtime.store.getResource(resourceId))?.live[target.key]
  const release = live === undefined ? null : await runtime.store.getRelease(live.releaseId)
  return live === undefined || release === null
    ? found.problems.length === 0
    : isServed(target, { resourceId, ...live }, release.plan)
}

async function judge({ runtime, target, resourceLease, id }: Attempt, found: Found, open: Kept): Promise<void> {
  const { deployment } = open
  const token = resourceLease?.token ?? 0
  const ref = { resourceId: deployment.resourceId, deploymentId: deployment.id, releaseId: open.release.id }
  if (!(await isServed(target, ref, open.release.plan))) {
    await target.records?.remove(deployment.resourceId, deployment.id, token)
    return
  }
  const ended = endedAs(open, runtime.now(), id)
  await target.records?.put(deployment.resourceId, deployment.id, JSON.stringify(ended), token)
  found.kept.splice(found.kept.indexOf(open), 1, ended)
}

/** It serves: nobody told the machine of its end, and nobody else will. */
function endedAs(open: Kept, at: string, recoveredBy?: string): Kept {
  const end = { status: 'succeeded', promotion: 'recorded', drain: 'taken-over', finishedAt: at } as const
  return {
    ...open,
    deployment: { ...open.deployment, ...end, ...(recoveredBy === undefined ? {} : { recoveredBy }) },
    release: { ...open.release, state: 'retained', promotedAt: at },
  }
}

/** Whoever came after it is gone too, and gave the traffic back to it: there is nothing of it to be brought to an end. */
async function wasLeftServing(target: Target, { deployment, release }: Kept): Promise<boolean> {
  const { id, resourceId, token } = deployment
  const machine = (await target.lease?.read(resourceId)) ?? null
  if (machine === null || machine.token <= (token ?? 0)) return false
  return isServed(target, { resourceId, deploymentId: id, releaseId: release.id }, release.plan)
}

async function isServed(target: Target, ref: RunningRef, plan: Plan): Promise<boolean> {
  if (target.proxy !== null && usesProxy(plan))
    return (await target.proxy.observe(ref.resourceId)).table?.live?.deploymentId === ref.deploymentId
  return (await target.inspect(ref)).state === 'running'
}
