import { afterEach, beforeEach, expect, it } from 'vitest'
import { bombard, freshSeed, shown } from '../test/fuzz.js'
import { Scene } from '../test/scene.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

it.each(Array.from({ length: 10 }, (_, i) => i))('5,000 hostile requests, round %i', async () => {
  const seed = freshSeed()
  const statuses = await bombard(scene, 5000, seed)
  console.info(`fuzz: seed ${seed}, ${shown(statuses)}`)
  expect([...statuses.values()].reduce((sum, one) => sum + one, 0)).toBe(5000)
  expect(statuses.has(500)).toBe(false)
})
