import type { Store } from '../spec/store.js'

/** Was the resource ever deployed to this target? Where it was not, nothing of it can be there, and the target need not be asked. */
export async function wasOn(store: Store, resourceId: string, target: string): Promise<boolean> {
  if ((await store.getResource(resourceId))?.live[target] !== undefined) return true
  const [[deployment], [release]] = await Promise.all([
    store.listDeployments({ resourceId, target, limit: 1 }),
    store.listReleases({ resourceId, target }),
  ])
  return deployment !== undefined || release !== undefined
}
