import { afterEach, beforeEach, expect, it } from 'vitest'
import { bombard, freshSeed, shown } from '../test/fuzz.js'
import { Scene } from '../test/scene.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

it('2,500 hostile requests: never a crash, never a 500, never a path of the machine', async () => {
  const seed = freshSeed()
  const statuses = await bombard(scene, 2500, seed)
  const counts = `seed ${seed}, ${shown(statuses)}`
  // They came through to where something could break.
  for (const status of [200, 202, 400, 404, 405, 409, 413, 415]) expect(statuses.get(status), counts).toBeGreaterThan(0)
}, 120_000)
