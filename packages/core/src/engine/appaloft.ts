import type { Appaloft, AppaloftOptions, ReconcileReport } from '../spec/api.js'
import { AppaloftError } from '../spec/errors.js'
import type { Target } from '../spec/target.js'
import { createDeployments } from './deployments.js'
import type { Engine } from './engine.js'
import { prune } from './prune.js'
import { reconcile } from './reconcile.js'
import { recover } from './recover.js'
import { createResources } from './resources.js'
import { Rollouts } from './rollout/rollouts.js'
import { settleRollouts } from './rollout/settle.js'
import { Running } from './running.js'
import { createRuntime } from './runtime.js'

/**
 * Composes an engine. Checks every part at once (`invalid-composition` lists all faults); opens and creates nothing until the first call.
 *
 * @example
 * const appaloft = createAppaloft({ store: sqlite(), targets: [process({ proxy: embedded() })], planners: [node(), staticSite()] })
 */
export function createAppaloft(options: AppaloftOptions): Appaloft {
  const runtime = createRuntime(options, recover)
  let opening: Promise<void> | undefined
  let settling: Promise<ReconcileReport> | undefined
  let closed = false
  const running = new Running()
  const rollouts = new Rollouts()
  const told = new Set<Target>()
  const open = async () => {
    for (const target of runtime.targets.values()) {
      if (!told.has(target)) await target.open?.({ stateDir: runtime.stateDir })
      told.add(target)
    }
  }
  const opened = () => {
    if (closed) throw new AppaloftError('engine-closed')
    opening ??= open().catch((error) => {
      opening = undefined
      throw error
    })
    return opening
  }
  const ready = async () => {
    await opened()
    settling ??= reconcile(runtime).then((report) => settleRollouts(engine, report))
    await settling.catch((error) => {
      settling = undefined
      throw error
    })
  }
  const engine: Engine = { runtime, running, rollouts, ready, opened: async () => opened() }
  return {
    resources: createResources(engine),
    deployments: createDeployments(engine),
    async reconcile({ signal } = {}) {
      await opened()
      const options = { thorough: true, ...(signal ? { signal } : {}) }
      const report = await settleRollouts(engine, await reconcile(runtime, options), options)
      // Another call may have begun to make the engine ready meanwhile, and be at what this one has left to it.
      await settling?.catch(() => undefined)
      settling ??= Promise.resolve(report)
      return report
    },
    async prune(input = {}) {
      await ready()
      return prune(runtime, input)
    },
    on: runtime.bus.on,
    off: runtime.bus.off,
    async close({ mode = 'wait' } = {}) {
      if (closed) return
      closed = true
      await rollouts.settle(mode)
      await running.settle(mode)
      await Promise.all(runtime.besides)
      runtime.feed.close()
      await opening?.catch(() => {})
      for (const target of runtime.targets.values()) {
        await target.proxy?.close?.()
        await target.close?.()
      }
      await runtime.store.close()
    },
  }
}
