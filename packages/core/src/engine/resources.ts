import type { Resources } from '../spec/api.js'
import { AppaloftError } from '../spec/errors.js'
import { adoptLatest } from './adopting.js'
import { begin } from './begin.js'
import { define } from './definitions.js'
import type { Engine } from './engine.js'
import { setVariables } from './environment.js'
import { lazily } from './lazily.js'
import { deploymentLogs } from './logs.js'
import { existingResource, refuseStale } from './lookup.js'
import { remove } from './remove.js'
import { targetOf } from './runtime.js'
import { resourceStatus } from './status.js'

export function createResources(engine: Engine): Resources {
  const { runtime } = engine
  const { store } = runtime
  const existing = (id: string) => existingResource(store, id)
  return {
    async define(definition) {
      await engine.ready()
      return define(runtime, definition)
    },
    async get(id) {
      await engine.ready()
      return store.getResource(id)
    },
    async list() {
      await engine.ready()
      return store.listResources()
    },
    async setVariables(id, changes, options) {
      await engine.ready()
      return setVariables(runtime, id, changes, options)
    },
    async status(id, options = {}) {
      await engine.ready()
      await adoptLatest(runtime, targetOf(runtime, options.target), id)
      return resourceStatus(runtime, await existing(id), options.target)
    },
    async redeploy(id, options = {}) {
      runtime.early.want(id)
      await engine.ready()
      const resource = await existing(id)
      refuseStale(resource, options.stateVersion)
      return begin(
        engine,
        targetOf(runtime, options.target),
        {
          resourceId: id,
          trigger: options.force ? 'force-redeploy' : 'redeploy',
          definition: resource.definition,
          request: options.force ? { force: true } : {},
        },
        options,
      )
    },
    async remove(id, options = {}) {
      await engine.ready()
      await remove(engine, id, options)
    },
    logs: (id, { target, ...options } = {}) =>
      lazily(engine, async () => {
        const live = (await existing(id)).live[targetOf(runtime, target).key]
        return live === undefined ? nothing() : deploymentLogs(engine, live.deploymentId, options)
      }),
    async exec(id, command, options = {}) {
      await engine.ready()
      const target = targetOf(runtime, options.target)
      const live = (await existing(id)).live[target.key]
      if (live === undefined) throw new AppaloftError('release-not-found', { message: `${id} has no live release.` })
      return target.exec({ resourceId: id, ...live }, command, {
        ...(options.signal ? { signal: options.signal } : {}),
        ...(options.onLine ? { onLine: options.onLine } : {}),
      })
    },
  }
}

async function* nothing(): AsyncGenerator<never> {}
