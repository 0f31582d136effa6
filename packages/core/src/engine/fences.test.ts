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

it('of two stores that took the same token, one is refused', async () => {
  const target = fakeTarget({ world })
  const lease = { target: 5, proxy: 5, lease: null }
  await raiseFences(target, 'res_twin', 5, 'dep_first')
  await raiseFences(target, 'res_twin', 5, 'dep_first', { known: lease })
  await expect(raiseFences(target, 'res_twin', 5, 'dep_second')).rejects.toMatchObject({ code: 'fenced' })
  await expect(
    raiseFences(target, 'res_twin', 5, 'dep_second', { known: { ...lease, target: 0, proxy: 0 } }),
  ).rejects.toMatchObject({
    code: 'fenced',
  })
})

it('a machine that an engine with another store has taken since is left to it, whatever its token', async () => {
  const target = fakeTarget({ world })
  await raiseFences(target, 'res_far', 1, 'dep_first')
  const known = { target: 1, proxy: 1, lease: await target.lease!.read('res_far') }
  await raiseFences(target, 'res_far', 2, 'dep_theirs')
  const others = async ({ owner }: { owner: string }, since: boolean) => since && owner === 'dep_theirs'
  const raised = () => raiseFences(target, 'res_far', 3, 'dep_ours', { known, others })
  await expect(raised()).rejects.toMatchObject({ code: 'fenced' })
  expect(await target.lease?.read('res_far')).toMatchObject({ token: 2, owner: 'dep_theirs' })
})
