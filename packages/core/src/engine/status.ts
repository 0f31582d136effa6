import type { ResourceStatus } from '../spec/api.js'
import { activeStatuses } from '../spec/phases.js'
import type { ResourceRecord } from '../spec/resource.js'
import { accessUrls, usesProxy } from './routes.js'
import { type Runtime, targetOf } from './runtime.js'

/** Desired against observed. */
export async function resourceStatus(
  runtime: Runtime,
  resource: ResourceRecord,
  key: string | undefined,
): Promise<ResourceStatus> {
  const target = targetOf(runtime, key)
  const desired = resource.live[target.key] ?? null
  const release = desired === null ? null : await runtime.store.getRelease(desired.releaseId)
  const [current] = await runtime.store.listDeployments({
    resourceId: resource.id,
    target: target.key,
    statuses: activeStatuses,
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
