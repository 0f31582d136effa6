import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hurried, Scene } from '../../test/engine.js'
import { AppaloftError } from '../spec/errors.js'
import type { Store } from '../spec/store.js'
import type { Target } from '../spec/target.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

/** An attempt whose store stays away from its start on. */
async function unrecorded() {
  let away = false
  const store = new Proxy(scene.store, {
    get: (inner, key) => {
      const value = Reflect.get(inner, key) as Store[keyof Store]
      if (typeof value !== 'function' || key === 'close' || key === 'subscribe') return value
      return async (...args: unknown[]) => {
        if (away) throw new AppaloftError('store-unavailable')
        return await Reflect.apply(value, inner, args)
      }
    },
  })
  const close = vi.fn(async () => {})
  const target: Target = {
    ...scene.target,
    close,
    async start(input) {
      await scene.target.start(input)
      away = true
    },
  }
  const engine = scene.engine({ store, targets: [target], clock: hurried(400) })
  const handle = await engine.deployments.create({ resource: scene.definition() })
  const comeBack = () => {
    away = false
  }
  return { engine, handle, close, comeBack }
}

describe('an attempt whose end cannot be recorded', () => {
  it('rejects for who waits for it, and for nobody else', async () => {
    const unheard = vi.fn()
    process.on('unhandledRejection', unheard)
    try {
      const { engine, handle, close, comeBack } = await unrecorded()
      await expect(handle.done).rejects.toMatchObject({ code: 'store-unavailable' })
      await expect(handle.promoted).rejects.toMatchObject({ code: 'store-unavailable' })
      await new Promise((resolve) => setImmediate(resolve))
      expect(unheard).not.toHaveBeenCalled()
      comeBack()
      const { ended } = await engine.reconcile()
      expect(ended).toEqual([{ deploymentId: handle.id, status: 'interrupted' }])
      await engine.close()
      expect(close).toHaveBeenCalledOnce()
    } finally {
      process.off('unhandledRejection', unheard)
    }
  })

  it('keeps nothing open of an engine that is closed', async () => {
    const { engine, close } = await unrecorded()
    await engine.close()
    expect(close).toHaveBeenCalledOnce()
  })
})
