import { FakeWorld, fakeTarget } from '@appaloft/testkit'
import { afterEach, expect, it } from 'vitest'
import { raiseFences } from './fences.js'

const world = new FakeWorld()
afterEach(() => world.close())

it('a former holder that raises its own fence in between does not keep a newer one out', async () => {
  const target = fakeTarget({ world })
  let slower = true
  world.intercept = async (when, call) => {
    if (!slower || when !== 'before' || call.part !== 'proxy' || call.method !== 'fence') return
    slower = false
    await target.proxy?.fence('res_shop', 1, { expected: 0, owner: 'dep_older' })
  }
  await raiseFences(target, 'res_shop', 2, 'dep_newer')
  expect(await target.proxy?.mark('res_shop')).toBe(2)
  expect(await target.mark('res_shop')).toBe(2)
  await expect(raiseFences(target, 'res_shop', 1, 'dep_older')).rejects.toMatchObject({ code: 'fenced' })
})
