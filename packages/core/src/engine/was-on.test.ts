import { afterEach, beforeEach, expect, it } from 'vitest'
import { anyPlanner, blockedPlan, Scene } from '../../test/engine.js'
import { wasOn } from './was-on.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

it('an attempt that was at work on a target is not forgotten for the many that came after it', async () => {
  const failed = await scene.deployed(scene.engine(), 'serve status=500')
  expect([failed.status, failed.currentPhase]).toEqual(['failed', 'verify'])
  for (const one of await scene.store.listReleases({ resourceId: 'res_shop' })) await scene.store.removeRelease(one.id)
  const blocked = scene.engine({ planners: [anyPlanner(blockedPlan)] })
  for (let i = 0; i < 50; i++) expect((await scene.deployed(blocked)).currentPhase).toBe('plan')
  expect(await wasOn(scene.store, 'res_shop', 'fake')).toBe('touched')
  expect(await wasOn(scene.store, 'res_shop', 'another')).toBeNull()
}, 30_000)
