import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import type { ResourceRecord } from '../spec/resource.js'
import type { Store } from '../spec/store.js'

export async function existingDeployment(store: Store, id: string): Promise<DeploymentRecord> {
  const record = await store.getDeployment(id)
  if (record !== null) return record
  throw new AppaloftError('deployment-not-found', {
    message: `There is no deployment ${id}.`,
    details: { deploymentId: id },
  })
}

export async function existingResource(store: Store, id: string): Promise<ResourceRecord> {
  const resource = await store.getResource(id)
  if (resource !== null) return resource
  throw new AppaloftError('resource-not-found', {
    message: `There is no resource ${id}.`,
    details: { resourceId: id },
  })
}

/** A verb that carries the state it was decided on is refused when that is no longer the present one. */
export function refuseStale(resource: ResourceRecord, stateVersion: number | undefined): void {
  if (stateVersion === undefined || stateVersion === resource.stateVersion) return
  throw new AppaloftError('recovery-state-stale', {
    message: `The state of ${resource.id} is ${resource.stateVersion} by now, not ${stateVersion}.`,
    details: { resourceId: resource.id, expected: stateVersion, present: resource.stateVersion },
  })
}
