import type { Appaloft, Store } from '@appaloft/core/spec'
import { CliError } from '../errors.js'
import { exitCodes } from '../exit-codes.js'
import { isMachineKey } from './machines.js'

export interface Defaults {
  store: Store
  /** What configuration or flag asks for. */
  asked: string | undefined
  /** The machines that are asked for; several get a rollout. */
  machines?: readonly string[]
  /** The targets of the engine. `ssh` means the machine that is asked for, or the only one. */
  keys: readonly string[]
  /** Called before an attempt on a target is made. */
  begins(target: string): Promise<void>
}

/**
 * The engine with a target for calls that name none: what is asked for, else where the resource is live or was deployed last, else local
 * processes. Calls on what runs ask where it is live first.
 */
export function withDefaultTarget(engine: Appaloft, defaults: Defaults): Appaloft {
  const { store, asked, keys, begins } = defaults
  const fallback = keys.includes('process') ? 'process' : keys[0]
  const machines = keys.filter(isMachineKey)
  const machine = asked !== undefined && isMachineKey(asked) ? asked : machines.length === 1 ? machines[0] : undefined
  const meant = (target: string | null | undefined) => (target === 'ssh' ? (machine ?? target) : (target ?? undefined))
  const liveOn = async (id: string) => Object.keys((await store.getResource(id))?.live ?? {})
  const lastOn = async (id: string) => {
    const [only, ...more] = await liveOn(id)
    if (only !== undefined && more.length === 0) return only
    const [newest] = await store.listDeployments({ resourceId: id, limit: 1 })
    return newest !== undefined && keys.includes(newest.target) ? newest.target : undefined
  }
  const ofRunning = async (id: string, given: string | undefined) =>
    meant(given) ?? (await lastOn(id)) ?? asked ?? fallback
  const ofNext = async (id: string | undefined, given: string | undefined) =>
    meant(given) ?? asked ?? (id === undefined ? undefined : await lastOn(id)) ?? fallback
  const named = (target: string | undefined) => (target === undefined ? {} : { target })
  const starting = async (id: string | undefined, target: string | undefined) => {
    if (target === undefined) return
    await startingOn(id, [target])
  }
  /** Where it is live on several, each may go its own way; another place altogether would be a second one. */
  const startingOn = async (id: string | undefined, targets: readonly string[]) => {
    const live = id === undefined ? [] : await liveOn(id)
    if (live[0] !== undefined && !targets.some((one) => live.includes(one)))
      throw elsewhereError(id!, live[0], targets.join(', '))
    for (const one of targets) await begins(one)
  }

  const { deployments, resources } = engine
  return {
    ...engine,
    deployments: {
      ...deployments,
      async plan(request, options) {
        if (request.target === null) return deployments.plan(request, options)
        return deployments.plan({ ...request, ...named(await ofNext(idOf(request), request.target)) }, options)
      },
      async create(request, options) {
        const target = await ofNext(idOf(request), request.target ?? undefined)
        await starting(idOf(request), target)
        return deployments.create({ ...request, ...named(target) }, options)
      },
      async rollout(request, options = {}) {
        const { machines = [] } = defaults
        const targets = options.targets?.map((one) => meant(one) ?? one) ?? [...machines]
        await startingOn(idOf(request), targets)
        return deployments.rollout(request, { ...options, targets })
      },
      async rollback(id, options = {}) {
        if (id.startsWith('dep_')) return deployments.rollback(id, { ...options, ...named(meant(options.target)) })
        return deployments.rollback(id, { ...options, ...named(await ofRunning(id, options.target)) })
      },
    },
    resources: {
      ...resources,
      status: async (id, options = {}) =>
        resources.status(id, { ...options, ...named(await ofRunning(id, options.target)) }),
      async redeploy(id, options = {}) {
        const target = meant(options.target) ?? (await lastOn(id)) ?? asked ?? fallback
        await starting(id, target)
        return resources.redeploy(id, { ...options, ...named(target) })
      },
      async *logs(id, options = {}) {
        yield* resources.logs(id, { ...options, ...named(await ofRunning(id, options.target)) })
      },
      exec: async (id, command, options = {}) =>
        resources.exec(id, command, { ...options, ...named(await ofRunning(id, options.target)) }),
    },
  }
}

const idOf = ({ resource }: { resource: string | { id?: string | undefined } }): string | undefined =>
  typeof resource === 'string' ? resource : resource.id

const elsewhereError = (id: string, live: string, target: string): CliError =>
  new CliError('invalid-input', `${id} is live on ${live}: a second release on ${target} would compete with it.`, {
    exitCode: exitCodes.usage,
    hint: `Deploy it with --target ${live}, or take it down first: appaloft down ${id}`,
    details: { resourceId: id, live, target },
  })
