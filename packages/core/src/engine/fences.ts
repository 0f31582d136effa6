import { AppaloftError } from '../spec/errors.js'
import { type Lease, leaseExpiryMs } from '../spec/lease.js'
import type { Target } from '../spec/target.js'
import { isDead, processIdentity } from './processIdentity.js'
import type { Runtime } from './runtime.js'

/** The highest fence that target and proxy know. */
export async function marks(target: Target, resourceId: string): Promise<{ target: number; proxy: number }> {
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

const watched = new WeakMap<Runtime, Map<string, { token: number; beats: number; since: number }>>()

/** Is the holder gone? Proven on the same machine at once; else by a counter that stood still while this process watched. */
export function holderGone(runtime: Runtime, lease: Lease): boolean {
  if (lease.holder === null) return true
  if (lease.holder.engineId !== runtime.engineId && isDead(lease.holder, processIdentity())) return true
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
