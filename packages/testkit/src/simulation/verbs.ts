import {
  AppaloftError,
  type CreateOptions,
  type DeploymentHandle,
  type ErrorCode,
  isTerminal,
  type ResourceDefinition,
} from '@appaloft/core/spec'
import { imageOf } from './behaviour.js'
import { follow } from './followers.js'
import type { Move } from './script.js'
import type { Engine, Simulation } from './simulation.js'

export const resourceId = (index: number): string => `res_r${index}`

/** The resource as a user defines it, with a release that behaves like this. */
export function definitionOf(simulation: Simulation, index: number, release: string): ResourceDefinition {
  const { exposure, hostname, overlap, health, drainSeconds, secret, command } = simulation.setup.resources[index]!
  const image = imageOf(release, ++simulation.versions)
  return {
    id: resourceId(index),
    source: { kind: 'docker-image', image },
    runtime: { ...(overlap ? {} : { overlap: false }), ...(command === 'none' ? {} : { releaseCommand: command }) },
    network: { exposure, drainSeconds, ...(exposure === 'direct-port' ? { hostPort: 9000 + index } : {}) },
    ...(health === 'off' && exposure === 'none'
      ? {}
      : {
          health: {
            ...(health === 'off' || exposure === 'none' ? { enabled: false } : { type: health }),
            intervalSeconds: 0.2,
            timeoutSeconds: 1,
            retries: 3,
            startPeriodSeconds: 0.1,
          },
        }),
    access: { ...(hostname === null ? {} : { hostnames: [hostname] }) },
    ...(secret ? { environment: { TOKEN: { value: `secret-${simulation.versions % 3}`, secret: true } } } : {}),
  }
}

/** With these a verb may be refused, or fail while parts of its world are away. Anything else is a fault of the engine. */
const documented: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'store-unavailable',
  'runtime-backend-unavailable',
  'conflict',
  'resource-not-found',
  'deployment-not-found',
  'release-not-found',
  'nothing-to-roll-back',
  'not-retryable',
  'not-terminal',
  'already-terminal',
  'already-promoted',
  'rollback-in-progress',
  'recovery-state-stale',
  'engine-closed',
  'fenced',
  'lease-lost',
])

/** Does what a move says; answers with the handle of the attempt that it began. */
export async function perform(
  simulation: Simulation,
  engine: Engine,
  move: Move,
): Promise<DeploymentHandle | undefined> {
  const { appaloft } = engine
  const { resources, deployments } = appaloft
  const { ledger } = engine.process
  const id = resourceId(move.resource)
  const attempts = ledger.of(id)
  const picked = attempts.at(-1 - (move.back ?? 0))?.record.id
  const present = ledger.resources.get(id)?.stateVersion ?? 0
  const state =
    move.stateVersion === undefined ? {} : { stateVersion: move.stateVersion === 'present' ? present : present + 1000 }
  const options: CreateOptions = {}
  if (move.abort !== undefined) {
    const controller = new AbortController()
    options.signal = controller.signal
    simulation.scheduler.after(move.abort, () => controller.abort(), engine.process)
  }
  switch (move.verb) {
    case 'define':
      await resources.define(definitionOf(simulation, move.resource, move.release ?? 'healthy'))
      return undefined
    case 'plan':
      await deployments.plan({ resource: definitionOf(simulation, move.resource, move.release ?? 'healthy') })
      return undefined
    case 'create': {
      const resource = definitionOf(simulation, move.resource, move.release ?? 'healthy')
      const fingerprint =
        move.fingerprint === undefined
          ? undefined
          : move.fingerprint === 'stale'
            ? 'f'.repeat(64)
            : (await deployments.plan({ resource })).fingerprint
      return deployments.create(
        {
          resource,
          ...state,
          ...(fingerprint === undefined ? {} : { fingerprint }),
          ...(move.key === undefined ? {} : { idempotencyKey: move.key }),
          ...(move.force ? { force: true } : {}),
        },
        options,
      )
    }
    case 'redeploy':
      return resources.redeploy(id, { ...options, ...state, ...(move.force ? { force: true } : {}) })
    case 'retry':
      return picked === undefined ? undefined : deployments.retry(picked, { ...options, ...state })
    case 'rollback': {
      const kept = [...ledger.releases.values()].filter((one) => one.resourceId === id && one.state === 'retained')
      const to = move.to ? kept[0]?.id : undefined
      const of = move.back !== undefined && picked !== undefined ? picked : id
      return deployments.rollback(of, { ...options, ...state, ...(to === undefined ? {} : { to }) })
    }
    case 'cancel':
      if (picked !== undefined) await deployments.cancel(picked)
      return undefined
    case 'remove':
      await removed(simulation, engine, id)
      return undefined
    case 'recovery':
      if (picked !== undefined) await deployments.recovery(picked)
      return undefined
    case 'diagnostics':
      if (picked !== undefined) await deployments.diagnostics(picked)
      return undefined
    case 'look':
      await deployments.list({ resourceId: id })
      if (ledger.resources.has(id)) await resources.status(id)
      if (picked !== undefined) await deployments.show(picked)
      return undefined
    case 'reconcile':
      await appaloft.reconcile()
      return undefined
    case 'prune':
      await appaloft.prune({
        ...(move.keep === undefined ? {} : { keep: move.keep }),
        ...(move.history === undefined ? {} : { history: move.history }),
      })
      return undefined
    case 'follow':
      if (picked !== undefined) void follow(simulation, engine.process.ledger, picked)
      return undefined
    case 'close':
      await appaloft.close(move.abort === undefined ? {} : { mode: 'cancel' })
      engine.process.exit()
      simulation.died(engine.process, 100)
      return undefined
  }
  return undefined
}

/** Of what is being removed nothing is promised, also where its remover dies half-way. */
export async function removed(simulation: Simulation, { appaloft, process }: Engine, id: string): Promise<void> {
  simulation.removing.add(id)
  simulation.removals++
  let running = true
  const over = () => {
    if (running) simulation.removals--
    running = false
  }
  process.onDeath(over)
  try {
    await appaloft.resources.remove(id)
    simulation.removing.delete(id)
  } finally {
    over()
  }
}

/** A refusal is documented, and one that had to come did come. */
export function judgeRefusal(simulation: Simulation, move: Move, error: unknown): void {
  if (AppaloftError.isInstance(error) && documented.has(error.code)) {
    simulation.cover(`refused:${error.code}`)
    return
  }
  const what = AppaloftError.isInstance(error) ? `${error.code}: ${error.message}` : String(error)
  simulation.violate('typed-errors', `${move.verb} failed with ${what}`)
}

/** Watches a handle to its end: the promises that it gives are kept. */
export async function watch(simulation: Simulation, { process }: Engine, handle: DeploymentHandle): Promise<void> {
  const { ledger } = process
  const recorded = () => ledger.deployments.get(handle.id)?.record
  handle.promoted.then(
    () => {
      const { promotion } = recorded() ?? {}
      if (promotion !== 'recorded' && promotion !== 'reverted' && recorded() !== undefined)
        simulation.violate('done-is-terminal', `promoted of ${handle.id} resolved while its promotion is ${promotion}.`)
    },
    () => undefined,
  )
  try {
    const done = await handle.done
    const record = recorded()
    if (!isTerminal(done.status) || (record !== undefined && record.status !== done.status))
      simulation.violate('done-is-terminal', `done of ${handle.id} says ${done.status}, the record ${record?.status}.`)
  } catch (error) {
    if (!process.alive || recorded() === undefined) return
    simulation.violate('done-is-terminal', `done of ${handle.id} was rejected: ${String(error)}`)
  }
}
