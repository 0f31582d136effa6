import { AppaloftError, hasCode } from '../spec/errors.js'
import { attemptLeaseKey, type Lease, leaseExpiryMs, resourceLeaseKey } from '../spec/lease.js'
import type { CallOptions } from '../spec/proxy.js'
import type { AcquireLease } from '../spec/store.js'
import type { Target } from '../spec/target.js'
import type { MachineLease } from '../spec/target-lease.js'
import { acquireLease } from './leases.js'
import type { Marks } from './marks.js'
import type { Runtime } from './runtime.js'

export async function readMarks(target: Target, resourceId: string, call: CallOptions = {}): Promise<Marks> {
  const { lease: machine, proxy } = target
  const [own, route] = await Promise.all([
    machine === undefined ? target.mark(resourceId, call) : machine.read(resourceId, call),
    proxy?.mark(resourceId, call) ?? 0,
  ])
  if (typeof own === 'number') return { target: own, proxy: route, lease: null }
  return { target: own?.token ?? 0, proxy: route, lease: own }
}

interface Raising {
  /** As they were read for its lease. */
  known?: Marks
  /** It is known that this holder has raised them. */
  again?: boolean
  /** Asked of marks that are read anew: is the machine another store's, or did it come to be since they were read? */
  others?: (machine: MachineLease, since: boolean) => Promise<boolean>
}

/**
 * Raises the fences above every former holder, once an attempt, before any other effect. `fenced`: somebody has raised them as far, or
 * farther.
 *
 * @param again it is known that this holder has raised them
 */
export async function raiseFences(
  target: Target,
  resourceId: string,
  token: number,
  owner: string,
  { known, again = false, others }: Raising = {},
): Promise<void> {
  for (let tries = 0; ; tries++) {
    const read = tries === 0 ? known : undefined
    const present = read ?? (await readMarks(target, resourceId))
    if (present.target > token || present.proxy > token) throw new AppaloftError('fenced')
    // A token above an engine's with another store is no right to take the machine from it.
    if (read === undefined && present.lease !== null && (await others?.(present.lease, tries > 0)))
      throw new AppaloftError('fenced')
    // Where the mark is this token already, an engine with another store may have taken the same one.
    const below = (mark: number) => mark < token || !again
    const raised = await Promise.allSettled([
      below(present.target) && target.fence(resourceId, token, { expected: present.target, owner }),
      below(present.proxy) && target.proxy?.fence(resourceId, token, { expected: present.proxy, owner }),
    ])
    const refused = raised.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
    if (refused.length === 0) return
    const [own, route] = raised
    if (own.status === 'rejected' && present.target === token) throw own.reason
    if (route.status === 'rejected' && present.proxy === token) throw route.reason
    // A former holder raised its own in between: this one is still above it. Of early marks nobody knows who it was.
    const other = refused.find((reason) => !hasCode(reason, 'fenced'))
    if (other !== undefined || tries >= 10 || present.early) throw other ?? refused[0]
  }
}

/** Takes the lease of resource and target as it was read, with a token above these marks. Null: someone was faster. */
export async function takeLease(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  marks: Marks,
  input: { expect: Lease | null; deploymentId: string; with?: NonNullable<AcquireLease['with']> },
): Promise<Lease | null> {
  const { expect, with: change } = input
  return acquireLease(runtime, {
    key: resourceLeaseKey(resourceId, target.key),
    holder: runtime.holder(input.deploymentId),
    expect,
    minToken: Math.max(marks.target, marks.proxy) + 1,
    // Who is superseded lives and beats; of every other holder it was seen that it does not.
    ...(change === undefined ? { ...(expect?.holder ? { expectBeats: expect.beats } : {}) } : { with: change }),
  })
}

interface Watched {
  token: number
  beats: number
  since: number
  /** It was seen to beat. */
  moved: boolean
}

const watched = new WeakMap<Runtime, Map<string, Watched>>()

/** Looks at a counter, and since when it stands, on this process' clock. */
export function watch(runtime: Runtime, { key, token, beats }: Pick<Lease, 'key' | 'token' | 'beats'>): Watched {
  const seen = watched.get(runtime) ?? new Map<string, Watched>()
  watched.set(runtime, seen)
  const before = seen.get(key)
  if (before?.token === token && before.beats === beats) return before
  const now = { token, beats, since: runtime.clock.monotonic(), moved: before?.token === token }
  seen.set(key, now)
  return now
}

export const stoodStill = ({ clock }: Runtime, { since }: Watched): boolean =>
  clock.monotonic() - since >= leaseExpiryMs

/** Is the holder gone? Known of oneself, and proven on the same machine, at once; else by a counter that stood still while this process watched. */
export function holderGone(runtime: Runtime, lease: Lease): boolean {
  if (lease.holder === null) return true
  const own = lease.holder.engineId === runtime.engineId
  if (own ? !runtime.holdings.has(lease) : runtime.liveness.judge(lease.holder) === 'dead') return true
  return stoodStill(runtime, watch(runtime, lease))
}

/**
 * Whoever waits for the lease of resource and target watches its attempt's own from the same moment: it need not wait as long again for that
 * one. They are not beaten together while an engine that recovers the attempt has but the latter.
 */
export async function watchOwnLease(runtime: Runtime, { key, holder }: Lease): Promise<void> {
  if (holder === null || key === attemptLeaseKey(holder.deploymentId)) return
  const own = await runtime.store.readLease(attemptLeaseKey(holder.deploymentId))
  if (own !== null) holderGone(runtime, own)
}

/** A holder of which nothing is known here: only waiting tells whether it lives. */
const isDoubtful = (runtime: Runtime, { holder }: Lease): boolean =>
  holder !== null && holder.engineId !== runtime.engineId && runtime.liveness.judge(holder) === 'unknown'

/**
 * Where nothing tells whether its holder lives, and with `thorough` where it does: waits until the counter of a lease moves, or has stood
 * still for long enough.
 */
export async function untilKnown(
  runtime: Runtime,
  key: string,
  { thorough = false, signal }: { thorough?: boolean; signal?: AbortSignal } = {},
): Promise<void> {
  const { store, pause, engineId } = runtime
  for (let seen = await store.readLease(key); seen?.holder && !holderGone(runtime, seen); ) {
    if (!isDoubtful(runtime, seen) && !(thorough && seen.holder.engineId !== engineId)) return
    await watchOwnLease(runtime, seen)
    await pause(500, signal)
    const present = await store.readLease(key)
    if (present?.token !== seen.token || present.beats !== seen.beats) return
    seen = present
  }
}
