import type { ResourceRecord, Store } from '@appaloft/core/spec'
import type { Composed, Context } from '../context.js'
import { withEngine, withEngineHere } from '../engine.js'
import { CliError } from '../errors.js'
import { exitCodes } from '../exit-codes.js'
import { loadProject, selectResources } from '../project/project.js'

/** A resource by its id, or by the part of it that follows `res_`. `resource-not-found` otherwise. */
export async function namedResource(store: Store, name: string): Promise<ResourceRecord> {
  const found = (await store.getResource(name)) ?? (await store.getResource(`res_${name}`))
  if (found !== null) return found
  throw new CliError('resource-not-found', `There is no resource ${name}.`, {
    exitCode: exitCodes.notFound,
    hint: 'appaloft resources list shows those that there are.',
  })
}

/** Works on the resource that was named, or on those of the present folder that were deployed. */
export async function withResources<T>(
  ctx: Context,
  name: string | undefined,
  work: (parts: Composed, resources: ResourceRecord[]) => Promise<T>,
): Promise<T> {
  if (name !== undefined) {
    return withEngineHere(ctx, async (parts) => work(parts, [await namedResource(parts.store, name)]))
  }
  const project = await loadProject({ config: ctx.globals.config }, ctx.io)
  return withEngine(ctx, project.composition, async (parts) => {
    const find = (id: string) => parts.store.getResource(id)
    const definitions = await selectResources(project, {}, ctx.io, find)
    const found = await Promise.all(definitions.map(({ id }) => find(id)))
    return work(
      parts,
      found.filter((record) => record !== null),
    )
  })
}
