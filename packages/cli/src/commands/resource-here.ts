import type { ErrorCode, ResourceRecord } from '@appaloft/core/spec'
import type { Composed, Context } from '../context.js'
import { withEngine, withEngineHere } from '../engine.js'
import { CliError, codeOf } from '../errors.js'
import { exitCodes } from '../exit-codes.js'
import { loadProject, selectResources } from '../project/project.js'
import { hintForDeployment, hintForResource } from '../project/suggest.js'

type Known = Pick<Composed, 'engine' | 'store' | 'targets'>

/** Machines tell of what was deployed from elsewhere, when the engine is asked first. Where one does not answer, nobody knows that there is none. */
async function askMachines({ engine, targets }: Known): Promise<void> {
  if (!targets.some(({ records }) => records !== undefined)) return
  const { problems } = await engine.reconcile()
  const [away] = problems.filter(({ resourceId }) => resourceId === null)
  if (away === undefined) return
  throw new CliError(away.code as ErrorCode, away.message, {
    category: 'runtime-backend',
    exitCode: exitCodes.failure,
    hint: 'appaloft doctor names what is wrong, and its fix. What this state folder does not know, only the machine can tell.',
  })
}

/** A resource by its id, or by the part of it that follows `res_`. `resource-not-found` otherwise. */
export async function namedResource(parts: Known, name: string): Promise<ResourceRecord> {
  const { store } = parts
  const find = async () => (await store.getResource(name)) ?? (await store.getResource(`res_${name}`))
  const known = await find()
  if (known !== null) return known
  const asked = await askMachines(parts).then(
    () => null,
    (error: unknown) => ({ error }),
  )
  const found = await find()
  if (found !== null) return found
  if (asked !== null) throw asked.error
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
    return withEngineHere(ctx, async (parts) => work(parts, [await namedResource(parts, name)]))
  }
  const project = await loadProject({ config: ctx.globals.config }, ctx.io)
  return withEngine(ctx, project.composition, async (parts) => {
    const find = (id: string) => parts.store.getResource(id)
    const definitions = await selectResources(project, {}, ctx.io, find)
    const present = async () => (await Promise.all(definitions.map(({ id }) => find(id)))).filter((one) => one !== null)
    let found = await present()
    if (found.length === 0 && definitions.length > 0) {
      await askMachines(parts)
      found = await present()
    }
    return work(parts, found)
  })
}
