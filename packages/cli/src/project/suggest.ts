import type { Store } from '@appaloft/core/spec'

/** Of these names the one that was probably meant: begun alike, or a slip of the keyboard away. */
export async function nearest(wanted: string, names: readonly string[]): Promise<string | undefined> {
  const begun = names.filter((name) => wanted.length > 2 && name.startsWith(wanted))
  if (begun.length === 1) return begun[0]
  const { distance } = await import('fastest-levenshtein')
  // Two: letters that changed places.
  const furthest = Math.min(3, Math.max(2, Math.floor(wanted.length / 3)), wanted.length - 1)
  const [best] = names
    .map((name) => ({ name, far: distance(wanted, name) }))
    .filter(({ far }) => far <= furthest)
    .sort((a, b) => a.far - b.far)
  return best?.name
}

const bare = (id: string): string => id.replace(/^res_/, '')

/** What to do where there is no resource of this name. */
export async function hintForResource(store: Store, wanted: string): Promise<string> {
  const ids = (await store.listResources()).map(({ id }) => id)
  if (ids.length === 0) return 'Nothing is deployed yet: appaloft up deploys the first resource.'
  const found = await nearest(bare(wanted), ids.map(bare))
  const all = 'appaloft resources list shows those that there are.'
  return found === undefined ? all : `Did you mean ${found}? ${all}`
}

/** What to do where there is no deployment of this id: a resource's name in its place is what happens most. */
export async function hintForDeployment(store: Store, wanted: string): Promise<string> {
  const resource = (await store.getResource(wanted)) ?? (await store.getResource(`res_${wanted}`))
  if (resource !== null) {
    const [newest] = await store.listDeployments({ resourceId: resource.id, limit: 1 })
    if (newest !== undefined) return `${wanted} is a resource; its newest deployment is ${newest.id}.`
  }
  const ids = (await store.listDeployments({ limit: 1000 })).map(({ id }) => id)
  const found = await nearest(wanted, ids)
  const all = 'appaloft deployments list shows them.'
  return found === undefined ? all : `Did you mean ${found}? ${all}`
}
