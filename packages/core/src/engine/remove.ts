import { hasCode } from '../spec/errors.js'
import { resourceLeaseKey } from '../spec/lease.js'
import { activeStatuses } from '../spec/phases.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { Target } from '../spec/target.js'
import type { Engine } from './appaloft.js'
import { requestCancel } from './cancel.js'
import { holderGone, raiseFences, takeLease } from './fences.js'
import { type Runtime, targetOf } from './runtime.js'

interface RemoveOptions {
  volumes?: boolean
  signal?: AbortSignal
}

/** Attempts end first; then routes, then what runs, then what was built. */
export async function removeFrom(engine: Engine, id: string, key: string, options: RemoveOptions): Promise<void> {
  const { runtime } = engine
  const { store } = runtime
  const target = targetOf(runtime, key)
  await endAttempts(engine, id, key, options.signal)
  for (;;) {
    options.signal?.throwIfAborted()
    const lease = await store.readLease(resourceLeaseKey(id, key))
    if (lease?.holder && !holderGone(runtime, lease)) {
      await runtime.pause(100, options.signal)
      continue
    }
    const releases = await store.listReleases({ resourceId: id, target: key })
    if (releases.length === 0 && (await isEmpty(target, id))) return
    const taken = await takeLease(runtime, target, id, { expect: lease, deploymentId: runtime.engineId })
    if (taken === null) continue
    try {
      await raiseFences(target, id, taken.token, runtime.engineId)
      await takeAway(runtime, target, id, taken.token, releases, options)
      return
    } finally {
      await store.releaseLease({ key: taken.key, token: taken.token })
    }
  }
}

async function isEmpty(target: Target, id: string): Promise<boolean> {
  if ((await target.list(id)).length > 0) return false
  return target.proxy === null || (await target.proxy.observe(id)).table === null
}

async function takeAway(
  runtime: Runtime,
  target: Target,
  id: string,
  token: number,
  releases: readonly ReleaseRecord[],
  options: RemoveOptions,
): Promise<void> {
  await target.proxy?.remove(id, token)
  for (const one of await target.list(id)) {
    await drained(runtime, target, id, one.deploymentId, options.signal)
    await target.stop(one, token)
    await target.remove(one, token)
  }
  for (const [i, release] of releases.entries()) {
    const volumes = options.volumes === true && i === releases.length - 1
    await target.discard(release, token, { retained: [], ...(volumes ? { volumes } : {}) })
  }
}

/** Attempts under way would bring the resource back: those that can still be canceled are, the others are waited for. */
async function endAttempts(engine: Engine, id: string, key: string, signal: AbortSignal | undefined): Promise<void> {
  const { runtime } = engine
  for (;;) {
    signal?.throwIfAborted()
    const active = await runtime.store.listDeployments({ resourceId: id, target: key, statuses: activeStatuses })
    if (active.length === 0) return
    for (const one of active) {
      await requestCancel(engine, one.id).catch((error) => {
        if (!hasCode(error, 'already-terminal', 'already-promoted', 'rollback-in-progress')) throw error
      })
      if (engine.running.get(one.id) === undefined) await runtime.recover(one.id, runtime.engineId).catch(() => null)
    }
    await runtime.pause(50, signal)
  }
}

/** Requests in flight may end; for at most 10 s, since nothing new comes. */
async function drained(
  { clock, pause }: Runtime,
  target: Target,
  id: string,
  deploymentId: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const end = clock.monotonic() + 10_000
  while (target.proxy?.capabilities.inFlight && clock.monotonic() < end) {
    const { inFlight } = await target.proxy.observe(id)
    if ((inFlight.find((one) => one.deploymentId === deploymentId)?.count ?? 0) === 0) return
    await pause(50, signal)
  }
}
