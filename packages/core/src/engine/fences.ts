import { AppaloftError } from '../spec/errors.js'
import { type Lease, leaseExpiryMs, resourceLeaseKey } from '../spec/lease.js'
import type { AcquireLease } from '../spec/store.js'
import type { Target } from '../spec/target.js'
import type { Runtime } from './runtime.js'

/** The highest fence that target and proxy know. */
async function marks(target: Target, resourceId: string): Promise<{ target: number; proxy: number }> {
  const [own, proxy] = await Promise.all([target.mark(resourceId), target.proxy?.mark(resourceId) ?? 0])
  return { target: own, proxy }
}

/** Raises the fences above every former holder, once an attempt, before any other effect. */
export async function raiseFences(target: Target, resourceId: string, token: number, owner: string): Promise<void> {
  const present = await marks(target, resourceId)
  if (present.target > token || present.proxy > token) throw new AppaloftError('fenced')
  if (present.target < token) await target.fence(resourceId, token, { expected: present.target, owner })
  if (target.proxy !== null && present.proxy < token)
    await target.proxy.fence(resourceId, token, { expected: present.proxy, owner })
}

/** Takes the lease of resource and target as it was read, with a token above every mark. Null: someone was faster. */
export async function takeLease(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  input: { expect: Lease | null; deploymentId: string; with?: NonNullable<AcquireLease['with']> },
): Promise<Lease | null> {
  const present = await marks(target, resourceId)
  return runtime.store.acquireLease({
    key: resourceLeaseKey(resourceId, target.key),
    holder: runtime.holder(input.deploymentId),
    expect: input.expect,
    minToken: Math.max(present.target, present.proxy) + 1,
    ...(input.with === undefined ? {} : { with: input.with }),
  })
}

const watched = new WeakMap<Runtime, Map<string, { token: number; beats: number; since: number }>>()

/** Is the holder gone? Proven on the same machine at once; else by a counter that stood still while this process watched. */
export function holderGone(runtime: Runtime, lease: Lease): boolean {
  if (lease.holder === null) return true
  if (lease.holder.engineId !== runtime.engineId && runtime.liveness.judge(lease.holder) === 'dead') return true
  const seen = watched.get(runtime) ?? new Map()
  watched.set(runtime, seen)
  const now = runtime.clock.monotonic()
  const before = seen.get(lease.key)
  if (before === undefined || before.token !== lease.token || before.beats !== lease.beats) {
    seen.set(lease.key, { token: lease.token, beats: lease.beats, since: now })
    return false
  }
  return now - before.since >= leaseExpiryMs
}

/** A holder of which nothing is known here: only waiting tells whether it lives. */
export const isDoubtful = (runtime: Runtime, { holder }: Lease): boolean =>
  holder !== null && holder.engineId !== runtime.engineId && runtime.liveness.judge(holder) === 'unknown'
