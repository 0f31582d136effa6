import { discardCopies } from '../sources/index.js'
import type { SnapshotVariable } from '../spec/profiles.js'
import type { Runtime } from './runtime.js'

/** So many of a resource's latest attempts can be retried with what they were made of. */
const retriedAttempts = 20

/** Sources are shared by content: a copy goes when no resource has a release or a late attempt of it. */
export async function sweepCopies(runtime: Runtime): Promise<void> {
  const { store, stateDir } = runtime
  const used = new Set<string>()
  for (const { id } of await store.listResources()) {
    for (const one of await store.listReleases({ resourceId: id })) used.add(one.plan.source.digest)
    for (const one of await store.listDeployments({ resourceId: id, limit: retriedAttempts }))
      if (one.plan !== null) used.add(one.plan.source.digest)
  }
  await discardCopies(stateDir, used)
}

/** A sealed version lives while the definition, a release or a late attempt names it. */
export async function forgetSecrets({ store }: Runtime, resourceId: string): Promise<void> {
  const sealed = await store.listSealed(resourceId)
  if (sealed.length === 0) return
  const used = new Set<string>()
  const add = (environment: Record<string, SnapshotVariable> = {}) => {
    for (const one of Object.values(environment)) if ('secret' in one) used.add(`${one.name}\n${one.version}`)
  }
  add((await store.getResource(resourceId))?.definition.environment)
  for (const one of await store.listReleases({ resourceId })) add(one.plan.environment)
  for (const one of await store.listDeployments({ resourceId, limit: retriedAttempts })) {
    add(one.definition.environment)
    add(one.plan?.environment)
  }
  for (const { name, version } of sealed)
    if (!used.has(`${name}\n${version}`)) await store.removeSealed({ resourceId, name, version })
}
