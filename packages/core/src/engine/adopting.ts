import type { Problem, ReconcileReport } from '../spec/api.js'
import { type LeaseRef, resourceLeaseKey } from '../spec/lease.js'
import type { Target } from '../spec/target.js'
import { adopt, type Found, isBusy, problemOf, readAll } from './adopt.js'
import type { Attempt } from './attempt.js'
import { toAppaloftError } from './errors.js'
import { foreignHolder } from './machine.js'
import { isEnded, type Kept } from './records.js'
import type { Runtime } from './runtime.js'
import { isServed, refOf, tellEnded } from './served.js'
import { inProgress, isTaken, takeUp } from './take-up.js'
import { believeUndone } from './undone.js'

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
): Promise<{ unknown: Set<string>; busy: Map<string, Target>; told: Set<string> }> {
  const { signal } = options
  const unknown = new Set<string>()
  const busy = new Map<string, Target>()
  const told = new Set<string>()
  const all = [...runtime.targets.values()].map(async (target) => {
    try {
      const lying = (await target.records?.list(undefined, signal ? { signal } : {})) ?? []
      for (const id of new Set(lying.map(({ resourceId }) => resourceId))) {
        const own = lying.filter(({ resourceId }) => resourceId === id)
        told.add(id)
        const key = resourceLeaseKey(id, target.key)
        const found = readAll(own, target)
        if (await isTaken(runtime, await runtime.store.readLease(key))) busy.set(key, target)
        const problems = busy.has(key) ? found.problems : await adoptOne(runtime, target, id, found, report, options)
        if (problems.some(isUnknown)) unknown.add(key)
        report.problems.push(...problems)
      }
    } catch (error) {
      signal?.throwIfAborted()
      report.problems.push(problemOf(null, error))
    }
  })
  await Promise.all(all)
  return { unknown, busy, told }
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

/**
 * The same of one that an attempt of this store had when all were looked at, and has no more.
 *
 * @returns is everything that is there known here by now?
 */
export async function adoptFreed(
  runtime: Runtime,
  target: Target,
  id: string,
  report: Pick<ReconcileReport, 'ended' | 'problems'>,
  options: Options,
): Promise<boolean> {
  if (target.records === undefined || (await isBusy(runtime, id, target.key))) return true
  const problems: Problem[] = []
  try {
    const found = readAll(await target.records.list(id), target)
    problems.push(...(await adoptOne(runtime, target, id, found, report, options)))
  } catch (error) {
    options.signal?.throwIfAborted()
    problems.push(problemOf(id, error))
  }
  report.problems.push(...problems)
  return !problems.some(isUnknown)
}

/** Of what this store has, but cannot open, it knows what it is. */
const isUnknown = ({ code }: Problem): boolean => code !== 'secret-unavailable'

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
      if (!(await isFree(runtime, target, id, options))) problems.push(inProgress(one))
      else {
        const { status, problems: more } = await takeUp(runtime, target, one)
        if (status !== null) report.ended.push({ deploymentId: one.deployment.id, status })
        problems.push(...more)
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

/** Attempts of other stores that had begun to take the traffic, and of which the machine knows no end. */
async function openOf({ store }: Runtime, { kept }: Found): Promise<Kept[]> {
  const open: Kept[] = []
  for (const one of kept) if (!isEnded(one) && (await store.getDeployment(one.deployment.id)) === null) open.push(one)
  return open
}

/**
 * An attempt has the lease of its resource: what others did there since is adopted. What they left open is yet to be judged.
 *
 * @returns is what is live there known here by now?
 */
export async function adoptUnderLease(attempt: Attempt): Promise<boolean> {
  const { target, record, signal, runtime } = attempt
  if (target.records === undefined) return false
  const found = readAll(await target.records.list(record.resourceId, { signal }), target)
  attempt.unjudged = (await openOf(runtime, found)).length > 0
  return adoptFound(attempt, found, attempt.resourceLease)
}

/** The same above the attempt's fence, with what others left open: who serves has ended, and of what does not nothing is told any more. */
export async function judgeUnderFence(attempt: Attempt): Promise<boolean> {
  const { target, record, runtime, id } = attempt
  const { resourceId } = record
  if (target.records === undefined) return false
  const token = attempt.resourceLease?.token ?? 0
  const found = readAll(await target.records.list(resourceId), target)
  for (const open of await openOf(runtime, found)) {
    if (await isServed(target, refOf(open), open.release.plan))
      await tellEnded(target, found, open, { at: runtime.now(), token, recoveredBy: id })
    else await target.records.remove(resourceId, open.deployment.id, token)
  }
  return adoptFound(attempt, found)
}

async function adoptFound(attempt: Attempt, found: Found, others?: LeaseRef): Promise<boolean> {
  const { runtime, target, record } = attempt
  const { resourceId } = record
  for (const { code, message } of [...found.problems, ...(await adopt(runtime, target, resourceId, found))])
    attempt.defer({ events: [attempt.event({ type: 'warning', level: 'warn', message, data: { code } })] })
  if (others !== undefined) await believeUndone(runtime, target, resourceId, found, others)
  const live = (await runtime.store.getResource(resourceId))?.live[target.key]
  const release = live === undefined ? null : await runtime.store.getRelease(live.releaseId)
  return live === undefined || release === null
    ? found.problems.length === 0
    : isServed(target, { resourceId, ...live }, release.plan)
}
