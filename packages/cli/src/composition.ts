import { join } from 'node:path'
import type { AppaloftOptions } from '@appaloft/core/spec'
import type { CompositionConfig } from './config/define.js'
import type { Composed } from './context.js'
import { defaultStateDir } from './project/state-dir.js'

export type CompleteOptions = AppaloftOptions & { stateDir: string }

/**
 * What the command line runs on: SQLite in the state folder, releases as local processes behind the embedded proxy, and the planners for Node,
 * static sites, Dockerfiles, images and Compose projects. Each part may be replaced.
 *
 *     const appaloft = createAppaloft(await defaultComposition())
 */
export async function defaultComposition(parts: CompositionConfig = {}): Promise<CompleteOptions> {
  const stateDir = parts.stateDir ?? defaultStateDir(process.env)
  const [store, targets, planners] = await Promise.all([
    parts.store ??
      import('@appaloft/store-sqlite').then(({ sqlite }) => sqlite({ path: join(stateDir, 'appaloft.db') })),
    parts.targets ?? defaultTargets(),
    parts.planners ?? defaultPlanners(),
  ])
  return { ...parts, stateDir, store, targets, planners }
}

async function defaultTargets() {
  const [{ process: processes }, { embedded }] = await Promise.all([
    import('@appaloft/target-process'),
    import('@appaloft/proxy-embedded'),
  ])
  return [processes({ proxy: embedded() })]
}

async function defaultPlanners() {
  const [{ node }, { staticSite }, { dockerfile }, { image }, { compose: composeFiles }] = await Promise.all([
    import('@appaloft/planner-node'),
    import('@appaloft/planner-static'),
    import('@appaloft/planner-dockerfile'),
    import('@appaloft/planner-image'),
    import('@appaloft/planner-compose'),
  ])
  return [node(), staticSite(), dockerfile(), image(), composeFiles()]
}

/** The engine of a command. */
export async function compose(settings: { stateDir: string; composition: CompositionConfig }): Promise<Composed> {
  const [{ createAppaloft }, options] = await Promise.all([
    import('@appaloft/core'),
    defaultComposition({ ...settings.composition, stateDir: settings.stateDir }),
  ])
  const { store, targets, stateDir } = options
  return { engine: createAppaloft(options), store, targets, stateDir }
}
