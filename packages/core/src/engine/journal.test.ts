import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Scene } from '../../test/engine.js'
import { AppaloftError } from '../spec/errors.js'
import type { Store } from '../spec/store.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

/** The store, where single calls are taken and not answered, and so many calls after each are not even taken. */
function unanswered(store: Store, name: keyof Store, when: (call: number) => boolean, silentFor: number): Store {
  let calls = 0
  let silent = 0
  const away = () => new AppaloftError('store-unavailable')
  return new Proxy(store, {
    get(target, key, receiver) {
      const method = Reflect.get(target, key, receiver)
      if (typeof method !== 'function' || key === 'subscribe') return method
      return async (...args: unknown[]) => {
        if (silent > 0) {
          silent -= 1
          throw away()
        }
        const answer = await method.apply(target, args)
        if (key !== name || !when(++calls)) return answer
        silent = silentFor
        throw away()
      }
    },
  })
}

describe('a store that takes a call and does not answer', () => {
  it.each([1, 2, 5, 9, 12, 14])('commit %i: the attempt goes on, and each event is there once', async (number) => {
    const store = unanswered(scene.store, 'commit', (call) => call === number, 3)
    const done = await scene.deployed(scene.engine({ store }))
    expect(done.status).toBe('succeeded')
    const { events } = await scene.store.readEvents(done.id)
    const starts = events.filter(({ type }) => type.endsWith('-started')).map(({ phase, step }) => `${phase} ${step}`)
    expect(starts).toEqual([...new Set(starts)])
    const ends = events.filter(({ type }) => /^(?:step|phase)-(?:succeeded|failed)$/.test(type))
    expect(ends).toHaveLength(starts.length)
    expect(events.map((one) => one.sequence)).toEqual(events.map((_, i) => i + 1))
  })

  it('the record of a new attempt: it is run all the same, and there is one', async () => {
    const store = unanswered(scene.store, 'createDeployment', () => true, 2)
    const done = await scene.deployed(scene.engine({ store }))
    expect(done.status).toBe('succeeded')
    expect(await scene.store.listDeployments()).toHaveLength(1)
  })

  it('a lease: it is found to be taken', async () => {
    const store = unanswered(scene.store, 'acquireLease', () => true, 2)
    const engine = scene.engine({ store })
    expect((await scene.deployed(engine)).status).toBe('succeeded')
    expect((await scene.deployed(engine, 'serve text=two')).status).toBe('succeeded')
  })

  it('the end: it is the end', async () => {
    const isEnd = (() => {
      let ended = false
      return () => {
        const [record] = records
        if (ended || record?.status !== 'succeeded') return false
        ended = true
        return true
      }
    })()
    const records: { status: string }[] = []
    const watched: Store = {
      ...scene.store,
      commit: async (input) => {
        const result = await scene.store.commit(input)
        records[0] = result.deployment
        return result
      },
    }
    const done = await scene.deployed(scene.engine({ store: unanswered(watched, 'commit', isEnd, 2) }))
    expect(done.status).toBe('succeeded')
    const { events } = await scene.store.readEvents(done.id)
    expect(events.filter((one) => one.type === 'deployment-finished')).toHaveLength(1)
  })
})
