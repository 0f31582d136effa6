import type { ResourceStatus } from '../spec/api.js'
import { type AppaloftError, hasCode } from '../spec/errors.js'
import { activeStatuses } from '../spec/phases.js'
import type { ReleaseRecord } from '../spec/release.js'
import type { ResourceRecord } from '../spec/resource.js'
import type { RunningState, Target } from '../spec/target.js'
import { toAppaloftError } from './errors.js'
import { accessUrls, usesProxy } from './routes.js'
import { type Runtime, targetOf } from './runtime.js'

type Live = ResourceStatus['desired']

/** Desired against observed. */
export async function resourceStatus(
  runtime: Runtime,
  resource: ResourceRecord,
  key: string | undefined,
): Promise<ResourceStatus> {
  const target = targetOf(runtime, key)
  const { store } = runtime
  const desired = resource.live[target.key] ?? null
  const release = desired === null ? null : await store.getRelease(desired.releaseId)
  const [current] = await store.listDeployments({
    resourceId: resource.id,
    target: target.key,
    statuses: activeStatuses,
    limit: 1,
  })
  const seen = await observed(target, resource.id, desired, release)
  const deployment = seen.problem === null || desired === null ? null : await store.getDeployment(desired.deploymentId)
  return {
    resourceId: resource.id,
    target: target.key,
    stateVersion: resource.stateVersion,
    desired,
    observed: { live: seen.live, state: seen.state, running: seen.running },
    urls: seen.urls ?? deployment?.accessUrls ?? [],
    drift: seen.drift,
    activeDeploymentId: current?.id ?? null,
    problem: seen.problem?.toJSON() ?? null,
  }
}

interface Seen {
  live: Live
  state: RunningState['state']
  running: RunningState | null
  drift: ResourceStatus['drift']
  /** Null: not known. */
  urls: string[] | null
  problem: AppaloftError | null
}

/** As far as target and proxy answer. */
async function observed(
  target: Target,
  resourceId: string,
  desired: Live,
  release: ReleaseRecord | null,
): Promise<Seen> {
  const seen: Seen = { live: null, state: 'absent', running: null, drift: [], urls: null, problem: null }
  if (desired === null) return { ...seen, urls: [] }
  try {
    seen.state = 'unknown'
    seen.running = await target.inspect({ resourceId, ...desired })
    seen.state = seen.running.state
    if (seen.state !== 'running')
      seen.drift.push({ code: 'process-exited', message: `The live release is ${seen.state}.` })
    const routed = release !== null && usesProxy(release.plan)
    if (routed && target.proxy) {
      const { live } = (await target.proxy.observe(resourceId)).table ?? {}
      seen.live = live ? { deploymentId: live.deploymentId, releaseId: live.releaseId } : null
    }
    if (routed && seen.live?.deploymentId !== desired.deploymentId)
      seen.drift.push({ code: 'route-not-served', message: 'The proxy does not serve the live release.' })
    seen.urls = release === null ? [] : await urlsOf(target, release, resourceId)
  } catch (error) {
    const problem = toAppaloftError(error)
    if (problem.code === 'internal-error') throw error
    seen.problem = problem
  }
  return seen
}

/** None, where the proxy knows nothing of it any more. */
const urlsOf = (target: Target, { plan }: ReleaseRecord, resourceId: string): Promise<string[]> =>
  accessUrls(target, plan, resourceId).catch((error) => {
    if (hasCode(error, 'resource-not-found')) return []
    throw error
  })
