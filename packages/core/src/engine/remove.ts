import { AppaloftError, hasCode } from '../spec/errors.js'
import { type LeaseRef, resourceLeaseKey } from '../spec/lease.js'
import { activeStatuses } from '../spec/phases.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { Target } from '../spec/target.js'
import type { MachineLease } from '../spec/target-lease.js'
import { requestCancel } from './cancel.js'
import type { Engine } from './engine.js'
import { untilUndisturbed } from './environment.js'
import { toAppaloftError } from './errors.js'
import { holderGone } from './fences.js'
import { requestsEnd } from './in-flight.js'
import { acquireLease, patiently } from './leases.js'
import { askToGiveWay } from './machine.js'
import { maintain } from './maintenance.js'
import { type Runtime, targetOf } from './runtime.js'
import { lookedThrough, wasOn } from './was-on.js'

interface RemoveOptions {
  volumes?: boolean
  signal?: AbortSignal
}

/** From every target that it was deployed to; with the last one the resource itself goes. */
export async function remove(engine: Engine, id: string, options: RemoveOptions): Promise<void> {
  const { store, targets } = engine.runtime
  const was = await Promise.all([...targets.keys()].map(async (key) => ({ key, how: await wasOn(store, id, key) })))
  const keysOf = (...hows: (typeof was)[number]['how'][]) =>
    was.filter((one) => hows.includes(one.how)).map(({ key }) => key)
  const holding = keysOf('holds')
  if (holding.length === 0 && (await forget(engine, id))) return
  if (holding.length === 0)
    return await removeFromAll(
      engine,
      id,
      keysOf('touched').length > 0 ? keysOf('touched') : [...targets.keys()],
      options,
    )
  // Nothing is known to be there: that its machine is gone keeps nobody from removing the rest.
  for (const key of keysOf('touched'))
    await removeFrom(engine, id, key, false, options).catch((error) => {
      if (!hasCode(error, 'runtime-backend-unavailable')) throw error
    })
  await removeFromAll(engine, id, holding, options)
}

/** Attempts were made, and none of them touched its target: there is nothing to ask a target for. False: it may be otherwise. */
async function forget({ runtime }: Engine, id: string): Promise<boolean> {
  const { store, holdings, ids } = runtime
  const targets = new Set(
    (await store.listDeployments({ resourceId: id, limit: lookedThrough })).map(({ target }) => target),
  )
  const [key] = targets
  if (key === undefined) return false
  for (const one of targets) if ((await wasOn(store, id, one)) !== null) return false
  const expect = await store.readLease(resourceLeaseKey(id, key))
  if (expect?.holder) return false
  // No fence is raised: whoever deploys next takes a token above this one, too.
  const holder = runtime.holder(ids.next('eng'))
  const taken = await acquireLease(runtime, { key: resourceLeaseKey(id, key), holder, expect })
  if (taken === null) return false
  try {
    await patiently(runtime, () => store.removeResource(id, { guards: [taken] }))
    return true
  } finally {
    holdings.drop(taken)
    await store.releaseLease(taken).catch(() => {})
  }
}

async function removeFromAll(
  engine: Engine,
  id: string,
  keys: readonly string[],
  options: RemoveOptions,
): Promise<void> {
  const failed: { key: string; error: unknown }[] = []
  for (const key of keys) {
    try {
      await removeFrom(engine, id, key, key === keys.at(-1) && failed.length === 0, options)
    } catch (error) {
      if (options.signal?.aborted) throw error
      failed.push({ key, error })
    }
  }
  const [first] = failed
  if (first === undefined) return
  if (keys.length === 1) throw first.error
  throw partly(
    id,
    failed.map(({ key }) => key),
    toAppaloftError(first.error),
  )
}

/** What one target keeps is no reason to leave the rest: the others are without it now, and the next call asks what is left. */
function partly(
  id: string,
  targets: string[],
  { code, phase, category, retriable, message, details, recoveryHint, cause }: AppaloftError,
) {
  return new AppaloftError(code, {
    message: `${message} ${id} is still on ${targets.join(', ')}.`,
    details: { ...details, targets },
    recoveryHint: `${recoveryHint} Then remove it again.`,
    ...{ category, retriable, cause },
    ...(phase === undefined ? {} : { phase }),
  })
}

/** Attempts end first; then routes, then what runs, then what was built. */
async function removeFrom(
  engine: Engine,
  id: string,
  key: string,
  last: boolean,
  options: RemoveOptions,
): Promise<void> {
  const { runtime } = engine
  const { store } = runtime
  const target = targetOf(runtime, key)
  for (;;) {
    await endAttempts(engine, id, key, options.signal)
    const lease = await store.readLease(resourceLeaseKey(id, key))
    if (lease?.holder && !holderGone(runtime, lease)) {
      await runtime.pause(100, options.signal)
      continue
    }
    const releases = await store.listReleases({ resourceId: id, target: key })
    const known = last && (await store.getResource(id)) !== null
    if (!known && releases.length === 0 && (await isEmpty(target, id))) return
    const work = async (held: LeaseRef) => {
      // The intent first: should this process die, whoever comes next finds that nothing is to run.
      await nothingLive(runtime, id, key, held)
      await takeAway(runtime, target, id, held.token, releases, options)
      // Under the lease: an attempt that waited for it finds that there is nothing to deploy any more.
      if (last) await patiently(runtime, () => store.removeResource(id, { guards: [held] }))
    }
    const held = (by: MachineLease) => askToGiveWay(target, id, by, runtime.engineId)
    if (await maintain(runtime, target, id, lease, work, held)) return
    await runtime.pause(100, options.signal)
  }
}

export const nothingLive = ({ store, now }: Runtime, id: string, key: string, held: LeaseRef): Promise<void> =>
  untilUndisturbed(async () => {
    const present = await store.getResource(id)
    if (present?.live[key] === undefined) return
    const { stateVersion, ...record } = present
    const { [key]: _live, ...live } = record.live
    await store.putResource({ ...record, live, updatedAt: now() }, stateVersion, { guards: [held] })
  })

async function isEmpty(target: Target, id: string): Promise<boolean> {
  if ((await target.list(id)).length > 0) return false
  return target.proxy === null || (await target.proxy.observe(id)).table === null
}

/** Nothing new comes: requests in flight may end, but need not be waited for as long as in a release. */
const longestDrainMs = 10_000

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
    await requestsEnd(runtime, target, one, longestDrainMs, () => options.signal?.throwIfAborted())
    await target.stop(one, token)
    await target.remove(one, token)
  }
  for (const [i, release] of releases.entries()) {
    const volumes = options.volumes === true && i === releases.length - 1
    await target.discard(release, token, { retained: [], ...(volumes ? { volumes } : {}) })
    await runtime.store.removeRelease(release.id)
  }
  const lying = (await target.records?.list(id)) ?? []
  await Promise.all(lying.map(({ name }) => target.records?.remove(id, name, token)))
}

/** Nothing of it runs any more; its routes stay, without an upstream, so that it keeps its port. */
export async function takeDown(runtime: Runtime, target: Target, id: string, token: number): Promise<void> {
  const { proxy } = target
  const table = proxy === null ? null : (await proxy.observe(id)).table
  if (proxy !== null && table !== null)
    await proxy.apply(id, { ...table, live: null, staged: null, verify: null }, token)
  for (const one of await target.list(id)) {
    await requestsEnd(runtime, target, one, longestDrainMs)
    await target.stop(one, token)
    await target.remove(one, token)
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
