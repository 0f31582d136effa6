import { join } from 'node:path'
import type { AppaloftOptions, Store, Target } from '@appaloft/core/spec'
import type { CompositionConfig } from './config/define.js'
import type { Composed } from './context.js'
import { defaultStateDir } from './project/state-dir.js'
import { dockerChoice } from './targets/choice.js'
import type { DockerChoice, MachineChoice } from './targets/config.js'
import type { TargetPart } from './targets/part.js'

export type CompleteOptions = AppaloftOptions & { stateDir: string }

/**
 * What the command line runs on: SQLite in the state folder, releases as local processes behind the embedded proxy, and the planners for Node,
 * static sites, Dockerfiles, images and Compose projects. Each part may be replaced; `target: 'docker'`, `proxy: 'caddy'`, and
 * `target: 'ssh'` with `ssh: { destination }` choose others.
 *
 *     const appaloft = createAppaloft(await defaultComposition())
 */
export async function defaultComposition(parts: CompositionConfig = {}): Promise<CompleteOptions> {
  const stateDir = parts.stateDir ?? defaultStateDir(process.env)
  const [options, targets] = await Promise.all([shared(parts, stateDir), parts.targets ?? targetsOf(parts, stateDir)])
  return { ...options, targets }
}

async function targetsOf(parts: CompositionConfig, stateDir: string): Promise<Target[]> {
  if (parts.target === 'ssh') {
    const [{ machineChoices }, { composeSsh }] = await Promise.all([
      import('./targets/machines.js'),
      import('./targets/ssh.js'),
    ])
    const machines = await Promise.all(machineChoices(parts).map((choice) => composeSsh(choice, parts)))
    return machines.map(({ target, close }) => ({ ...target, close }))
  }
  const choice = parts.target === 'docker' ? dockerChoice(parts, null) : null
  return choice === null ? await processTargets() : [(await dockerPart(choice, stateDir, parts)).target]
}

/** Everything but the targets. */
async function shared(parts: CompositionConfig, stateDir: string): Promise<Omit<CompleteOptions, 'targets'>> {
  const { target: _, proxy: __, docker: ___, ssh: ____, caddy: _____, ...rest } = parts
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

/** The engine of a command: local processes, and what else a flag, the configuration or a former deployment asks for. */
export async function compose(settings: { stateDir: string; composition: CompositionConfig }): Promise<Composed> {
  const { stateDir, composition } = settings
  const [{ createAppaloft }, options] = await Promise.all([import('@appaloft/core'), shared(composition, stateDir)])
  const { store } = options
  const finish = (targets: readonly Target[]): Composed => ({
    engine: createAppaloft({ ...options, targets: [...targets] }),
    ...{ store, targets, stateDir },
  })
  if (composition.targets !== undefined) return finish(composition.targets)
  const [docker, machines] = await Promise.all([
    dockerSide(composition, stateDir, store),
    machineSide(composition, stateDir, store),
  ])
  const parts = [...docker.parts, ...machines.parts]
  if (parts.length === 0) return finish(await processTargets())
  const { withDefaultTarget } = await import('./targets/default-target.js')
  const composed = finish([...(await processTargets()), ...parts.map(({ target }) => target)])
  const engine = withDefaultTarget(composed.engine, {
    store,
    asked: machines.asked[0] ?? composition.target,
    machines: machines.asked,
    keys: composed.targets.map(({ key }) => key),
    begins: async (target) => {
      await docker.begins(target)
      await machines.begins(target)
    },
  })
  const close: typeof engine.close = async (how) => {
    await engine.close(how)
    for (const part of parts) await part.close()
  }
  return { ...composed, engine: { ...engine, close }, parts, machines: machines.asked }
}

/** Targets of one kind, and what is done before an attempt on one of them is made. */
interface Side {
  parts: TargetPart[]
  begins(target: string): Promise<void>
}

async function dockerSide(composition: CompositionConfig, stateDir: string, store: Store): Promise<Side> {
  const { inForce, recall, remember } = await import('./targets/remembered.js')
  const remembered = await recall(stateDir)
  const asked = dockerChoice(composition, remembered)
  if (asked === null) return { parts: [], begins: async () => {} }
  const choice = await inForce(asked, remembered, store)
  const docker = await dockerPart(choice, stateDir, composition)
  const begins = async (target: string) => {
    if (target !== docker.target.key) return
    await remember(stateDir, asked, remembered, store)
    if (remembered !== null && runsCaddy(remembered) && !runsCaddy(choice))
      await removeCaddy(await dockerPart(remembered, stateDir, composition))
  }
  return { parts: [docker], begins }
}

async function machineSide(
  composition: CompositionConfig,
  stateDir: string,
  store: Store,
): Promise<Side & { asked: string[] }> {
  const [records, { machineChoices, machineKey }] = await Promise.all([
    import('./targets/remembered-machines.js'),
    import('./targets/machines.js'),
  ])
  const remembered = await records.recallMachines(stateDir)
  const used = await records.machinesInUse(remembered, store)
  const asked = machineChoices(composition, remembered, used)
  const keyOf = ({ ssh }: MachineChoice) => machineKey(ssh)
  const keys = asked.map(keyOf)
  const others = used.filter((one) => !keys.includes(keyOf(one)))
  const choices = [
    ...(await Promise.all(asked.map((one) => records.machineInForce(one, remembered, store)))),
    ...others,
  ]
  if (choices.length === 0) return { parts: [], begins: async () => {}, asked: [] }
  const { composeSsh } = await import('./targets/ssh.js')
  return {
    parts: await Promise.all(choices.map((choice) => composeSsh(choice, composition))),
    begins: async (target) => {
      const choice = asked.find((one) => keyOf(one) === target)
      if (choice !== undefined) await records.rememberMachine(stateDir, choice, store)
    },
    asked: keys,
  }
}

const runsCaddy = ({ proxy, caddy }: DockerChoice): boolean => proxy === 'caddy' && caddy.admin === undefined

/** Nothing is behind it any more, and nobody would ask for its end later. */
async function removeCaddy(former: TargetPart): Promise<void> {
  try {
    await former.removeProxy?.()
  } finally {
    await former.target.close?.()
    await former.close()
  }
}
