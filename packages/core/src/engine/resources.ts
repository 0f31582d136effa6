import type { ResourceStatus, Resources } from '../spec/api.js'
import { AppaloftError } from '../spec/errors.js'
import { resourceLeaseKey } from '../spec/lease.js'
import { isTerminal, statusSchema } from '../spec/phases.js'
import type { ResourceRecord } from '../spec/resource.js'
import type { Engine } from './appaloft.js'
import { pause } from './attempt.js'
import { begin } from './begin.js'
import { define } from './definitions.js'
import { deploymentLogs, lazily } from './deployments.js'
import { holderGone, marks, raiseFences } from './fences.js'
import { accessUrls, usesProxy } from './routes.js'
import { targetOf } from './runtime.js'

const active = statusSchema.options.filter((one) => !isTerminal(one))

export function createResources(engine: Engine): Resources {
  const { runtime } = engine
  const { store } = runtime
  const existing = async (id: string): Promise<ResourceRecord> => {
    const resource = await store.getResource(id)
    if (resource === null)
      throw new AppaloftError('resource-not-found', {
        message: `There is no resource ${id}.`,
        details: { resourceId: id },
      })
    return resource
  }
  return {
    async define(definition) {
      await engine.ready()
      return define(runtime, definition)
    },
    async get(id) {
      await engine.ready()
      return store.getResource(id)
    },
    async list() {
      await engine.ready()
      return store.listResources()
    },
    async status(id, options = {}) {
      await engine.ready()
      return status(engine, await existing(id), options.target)
    },
    async redeploy(id, options = {}) {
      await engine.ready()
      const resource = await existing(id)
      if (options.stateVersion !== undefined && options.stateVersion !== resource.stateVersion) {
        throw new AppaloftError('recovery-state-stale', {
          details: { expected: options.stateVersion, present: resource.stateVersion },
        })
      }
      return begin(
        engine,
        targetOf(runtime, options.target),
        {
          resourceId: id,
          trigger: options.force ? 'force-redeploy' : 'redeploy',
          definition: resource.definition,
          request: options.force ? { force: true } : {},
        },
        options,
      )
    },
    async remove(id, options = {}) {
      await engine.ready()
      for (const key of runtime.targets.keys()) await removeFrom(engine, id, key, options)
      await store.removeResource(id)
    },
    logs: (id, options = {}) =>
      lazily(engine, async function* () {
        const live = (await existing(id)).live[targetOf(runtime, options.target).key]
        if (live !== undefined) yield* deploymentLogs(engine, live.deploymentId, options)
      }),
    async exec(id, command, options = {}) {
      await engine.ready()
      const target = targetOf(runtime, options.target)
      const live = (await existing(id)).live[target.key]
      if (live === undefined) throw new AppaloftError('release-not-found', { message: `${id} has no live release.` })
      return target.exec({ resourceId: id, ...live }, command, {
        ...(options.signal ? { signal: options.signal } : {}),
        ...(options.onLine ? { onLine: options.onLine } : {}),
      })
    },
  }
}

async function status({ runtime }: Engine, resource: ResourceRecord, key: string | undefined): Promise<ResourceStatus> {
  const target = targetOf(runtime, key)
  const desired = resource.live[target.key] ?? null
  const release = desired === null ? null : await runtime.store.getRelease(desired.releaseId)
  const [current] = await runtime.store.listDeployments({
    resourceId: resource.id,
    target: target.key,
    statuses: active,
    limit: 1,
  })
  const running = desired === null ? null : await target.inspect({ resourceId: resource.id, ...desired })
  const routed = release !== null && usesProxy(release.plan)
  const table = routed && target.proxy ? (await target.proxy.observe(resource.id)).table : null
  const observed = table?.live ? { deploymentId: table.live.deploymentId, releaseId: table.live.releaseId } : null
  const drift: ResourceStatus['drift'] = []
  if (desired !== null && running?.state !== 'running')
    drift.push({ code: 'process-exited', message: `The live release is ${running?.state ?? 'unknown'}.` })
  if (routed && observed?.deploymentId !== desired?.deploymentId)
    drift.push({ code: 'route-not-served', message: 'The proxy does not serve the live release.' })
  return {
    resourceId: resource.id,
    target: target.key,
    stateVersion: resource.stateVersion,
    desired,
    observed: { live: observed, state: running?.state ?? 'absent', running },
    urls: release === null ? [] : await accessUrls(target, release.plan, resource.id),
    drift,
    activeDeploymentId: current?.id ?? null,
  }
}

/** Routes first, then what runs, then what was built. */
async function removeFrom(
  { runtime, running }: Engine,
  id: string,
  key: string,
  options: { volumes?: boolean; signal?: AbortSignal },
): Promise<void> {
  const { store } = runtime
  const target = targetOf(runtime, key)
  for (const one of await store.listDeployments({ resourceId: id, target: key, statuses: active }))
    running.get(one.id)?.cancel()
  const releases = await store.listReleases({ resourceId: id, target: key })
  const owned = await target.list(id)
  if (owned.length === 0 && releases.length === 0 && (await store.getResource(id)) === null) return
  const leaseKey = resourceLeaseKey(id, key)
  for (;;) {
    options.signal?.throwIfAborted()
    const lease = await store.readLease(leaseKey)
    if (lease?.holder && !holderGone(runtime, lease)) {
      await pause(100, options.signal)
      continue
    }
    if (owned.length === 0 && releases.length === 0) return
    const present = await marks(target, id)
    const taken = await store.acquireLease({
      key: leaseKey,
      holder: runtime.holder(runtime.engineId),
      expect: lease,
      minToken: Math.max(present.target, present.proxy) + 1,
    })
    if (taken === null) continue
    try {
      await raiseFences(target, id, taken.token, runtime.engineId)
      await target.proxy?.remove(id, taken.token)
      for (const one of await target.list(id)) {
        await drained(target, id, one.deploymentId, options.signal)
        await target.stop(one, taken.token)
        await target.remove(one, taken.token)
      }
      for (const [i, release] of releases.entries()) {
        await target.discard(release, taken.token, {
          retained: [],
          ...(options.volumes && i === releases.length - 1 ? { volumes: true } : {}),
        })
      }
      return
    } finally {
      await store.releaseLease({ key: leaseKey, token: taken.token })
    }
  }
}

/** Requests in flight may end; for at most 10 s, since nothing new comes. */
async function drained(
  target: ReturnType<typeof targetOf>,
  id: string,
  deploymentId: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const end = performance.now() + 10_000
  while (target.proxy?.capabilities.inFlight && performance.now() < end) {
    const { inFlight } = await target.proxy.observe(id)
    if ((inFlight.find((one) => one.deploymentId === deploymentId)?.count ?? 0) === 0) return
    await pause(50, signal)
  }
}
