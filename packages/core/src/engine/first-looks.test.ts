import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Scene } from '../../test/engine.js'
import { memoryStore } from '../index.js'
import type { Target } from '../spec/target.js'
import type { TargetRecords } from '../spec/target-records.js'
import { several } from './several.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

/** The target, with what is asked of it by name in its order, and something that happens before its records are told. */
function watched(before: (order: string[]) => Promise<unknown>) {
  const { target } = scene
  const order: string[] = []
  const records: TargetRecords = {
    ...(target.records as TargetRecords),
    async list(...asked) {
      await before(order)
      order.push('records')
      return await (target.records as TargetRecords).list(...asked)
    },
  }
  const list: Target['list'] = (...asked) => {
    order.push('list')
    return target.list(...asked)
  }
  return { order, target: { ...target, records, list } satisfies Target }
}

const until = async (holds: () => boolean) => {
  for (let tries = 0; tries < 300 && !holds(); tries++) await new Promise((resolve) => setTimeout(resolve, 10))
}

describe('before its first call, an engine', () => {
  it('looks at what runs while it is told what other stores did, once', async () => {
    await scene.deployed(scene.engine())
    const { order, target } = watched((seen) => until(() => seen.includes('list')))
    await scene.engine({ targets: [target] }).resources.list()
    expect(order).toEqual(['list', 'records'])
  })

  it('looks again where another store has deployed since', async () => {
    await scene.deployed(scene.engine())
    const other = memoryStore()
    const { order, target } = watched(async (seen) => {
      await until(() => seen.includes('list'))
      // The other engine is given the target as it is.
      if (!seen.includes('records')) await scene.deployed(scene.engine({ store: other }), 'serve text=two')
    })
    await scene.engine({ targets: [target] }).resources.list()
    expect(order).toEqual(['list', 'records', 'list'])
    const [running] = await scene.owned()
    expect((await scene.store.getResource('res_shop'))?.live.fake?.deploymentId).toBe(running)
  })
})

describe('several', () => {
  it('keeps their order, and to the limit', async () => {
    let now = 0
    let most = 0
    const doubled = await several(3, [5, 1, 4, 2, 3], async (one) => {
      most = Math.max(most, ++now)
      await new Promise((resolve) => setTimeout(resolve, one))
      now--
      return one * 2
    })
    expect(doubled).toEqual([10, 2, 8, 4, 6])
    expect(most).toBe(3)
  })

  it('begins nothing more after a failure, and waits for what was begun', async () => {
    const ended: number[] = []
    const work = several(2, [1, 2, 3], async (one) => {
      if (one === 1) throw new Error('one')
      await new Promise((resolve) => setTimeout(resolve, 5))
      ended.push(one)
    })
    await expect(work).rejects.toThrow('one')
    expect(ended).toEqual([2])
  })
})
