import { fakeTarget } from '@appaloft/testkit'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Scene } from '../../test/engine.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

it('a target that could not be told where it lives is told at the next call, and no other twice', async () => {
  const well = vi.fn(async () => {})
  const broken = vi.fn(async () => {})
  broken.mockRejectedValueOnce(new Error('a full disk'))
  const engine = scene.engine({
    targets: [
      { ...scene.target, open: well },
      { ...fakeTarget({ key: 'other', world: scene.world }), open: broken },
    ],
  })
  await expect(engine.resources.list()).rejects.toThrow('a full disk')
  expect(await engine.resources.list()).toEqual([])
  await engine.resources.list()
  expect([well.mock.calls.length, broken.mock.calls.length]).toEqual([1, 2])
})
