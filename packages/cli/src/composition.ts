import { join } from 'node:path'
import type { AppaloftOptions, Target } from '@appaloft/core/spec'
import type { CompositionConfig } from './config/define.js'
import type { Composed } from './context.js'
import { defaultStateDir } from './project/state-dir.js'
import { dockerChoice } from './targets/choice.js'
import type { DockerChoice } from './targets/config.js'
import type { DockerPart } from './targets/docker.js'

export type CompleteOptions = AppaloftOptions & { stateDir: string }

/**
 * What the command line runs on: SQLite in the state folder, releases as local processes behind the embedded proxy, and the planners for Node,
 * static sites, Dockerfiles, images and Compose projects. Each part may be replaced; `target: 'docker'` and `proxy: 'caddy'` choose others.
 *
 *     const appaloft = createAppaloft(await defaultComposition())
 */
export async function defaultComposition(parts: CompositionConfig = {}): Promise<CompleteOptions> {
  const stateDir = parts.stateDir ?? defaultStateDir(process.env)
  const choice = parts.targets === undefined && parts.target === 'docker' ? dockerChoice(parts, null) : null
  const [options, targets] = await Promise.all([
    shared(parts, stateDir),
    parts.targets ??
      (choice === null ? processTargets() : dockerPart(choice, stateDir, parts).then((docker) => [docker.target])),
  ])
  return { ...options, targets }
}

/** Everything but the targets. */
async function shared(parts: CompositionConfig, stateDir: string): Promise<Omit<CompleteOptions, 'targets'>> {
  const { target: _, proxy: __, docker: ___, caddy: ____, ...rest } = parts
  const [store, planners] = await Promise.all([
    parts.store ??
      import('@appaloft/store-sqlite').then(({ sqlite }) => sqlite({ path: join(stateDir, 'appaloft.db') })),
    parts.planners ?? defaultPlanners(),
  ])
  return { ...rest, stateDir, store, planners }
}

async function processTargets() {
  const [{ process: processes }, { embedded }] = await Promise.all([
    import('@appaloft/target-process'),
    import('@appaloft/proxy-embedded'),
  ])
  return [processes({ proxy: embedded() })]
}

const dockerPart = async (...given: Parameters<typeof import('./targets/docker.js').composeDocker>) =>
  (await import('./targets/docker.js')).composeDocker(...given)

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

/** The engine of a command: local processes, and Docker where a flag, the configuration or a former deployment asks for it. */
export async function compose(settings: { stateDir: string; composition: CompositionConfig }): Promise<Composed> {
  const { stateDir, composition } = settings
  const [{ createAppaloft }, options] = await Promise.all([import('@appaloft/core'), shared(composition, stateDir)])
  const { store } = options
  const finish = (targets: readonly Target[]): Composed => ({
    engine: createAppaloft({ ...options, targets: [...targets] }),
    ...{ store, targets, stateDir },
  })
  if (composition.targets !== undefined) return finish(composition.targets)
  const { inForce, recall, remember } = await import('./targets/remembered.js')
  const remembered = await recall(stateDir)
  const asked = dockerChoice(composition, remembered)
  if (asked === null) return finish(await processTargets())
  const choice = await inForce(asked, remembered, store)
  const [docker, processes, { withDefaultTarget }] = await Promise.all([
    dockerPart(choice, stateDir, composition),
    processTargets(),
    import('./targets/default-target.js'),
  ])
  const composed = finish([...processes, docker.target])
  const engine = withDefaultTarget(composed.engine, {
    store,
    asked: composition.target,
    keys: composed.targets.map(({ key }) => key),
    begins: async (target) => {
      if (target !== docker.target.key) return
      await remember(stateDir, asked, remembered, store)
      if (remembered !== null && runsCaddy(remembered) && !runsCaddy(choice))
        await removeCaddy(await dockerPart(remembered, stateDir, composition))
    },
  })
  const close: typeof engine.close = async (how) => {
    await engine.close(how)
    await docker.close()
  }
  return { ...composed, engine: { ...engine, close }, docker }
}

const runsCaddy = ({ proxy, caddy }: DockerChoice): boolean => proxy === 'caddy' && caddy.admin === undefined

/** Nothing is behind it any more, and nobody would ask for its end later. */
async function removeCaddy(former: DockerPart): Promise<void> {
  try {
    await former.removeProxy?.()
  } finally {
    await former.target.close?.()
    await former.close()
  }
}
