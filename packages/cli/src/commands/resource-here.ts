import type { ResourceRecord, Store } from '@appaloft/core/spec'
import type { Composed, Context } from '../context.js'
import { withEngine, withEngineHere } from '../engine.js'
import { CliError, codeOf } from '../errors.js'
import { exitCodes } from '../exit-codes.js'
import { loadProject, selectResources } from '../project/project.js'
import { hintForDeployment, hintForResource } from '../project/suggest.js'

/** A resource by its id, or by the part of it that follows `res_`. `resource-not-found` otherwise. */
export async function namedResource(store: Store, name: string): Promise<ResourceRecord> {
  const found = (await store.getResource(name)) ?? (await store.getResource(`res_${name}`))
  if (found !== null) return found
  throw new CliError('resource-not-found', `There is no resource ${name}.`, {
    exitCode: exitCodes.notFound,
    hint: await hintForResource(store, name),
  })
}

/** Works on the deployment that was named; where there is none, the error says which one may have been meant. */
export function withDeployment<T>(ctx: Context, id: string, work: (parts: Composed) => Promise<T>): Promise<T> {
  return withEngineHere(ctx, async (parts) => {
    try {
      return await work(parts)
    } catch (error) {
      if (codeOf(error) !== 'deployment-not-found') throw error
      throw new CliError('deployment-not-found', `There is no deployment ${id}.`, {
        exitCode: exitCodes.notFound,
        hint: await hintForDeployment(parts.store, id),
        details: { deploymentId: id },
      })
    }
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
