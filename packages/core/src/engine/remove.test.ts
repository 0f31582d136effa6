import { afterEach, beforeEach, expect, it } from 'vitest'
import { Fleet } from '../../test/fleet.js'
import { AppaloftError } from '../spec/errors.js'

let fleet: Fleet
beforeEach(async () => {
  fleet = await Fleet.make()
})
afterEach(() => fleet.close())

it.each(['a', 'c'])(
  'what machine %s keeps while it is away is removed from the others, and from it when it is back',
  async (away) => {
    const engine = fleet.engine()
    const deployed = await fleet.deployed(engine)
    const { intercept } = fleet.world(away)
    fleet.world(away).intercept = async (_, { part }) => {
      if (part === 'target') throw new AppaloftError('runtime-backend-unavailable', { message: 'It is away.' })
    }
    await expect(engine.resources.remove('res_shop')).rejects.toMatchObject({
      code: 'runtime-backend-unavailable',
      message: `It is away. res_shop is still on ${away}.`,
      details: { targets: [away] },
      recoveryHint: expect.stringMatching(/remove it again\.$/),
    })
    expect((await engine.resources.get('res_shop'))?.live).toEqual({
      [away]: expect.objectContaining({ deploymentId: deployed[away] }),
    })
    fleet.world(away).intercept = intercept
    const left = Object.entries(await fleet.owned()).filter(([, owned]) => owned.length > 0)
    expect(left).toEqual([[away, [deployed[away]]]])

    await engine.resources.remove('res_shop')
    expect(await fleet.scene.store.getResource('res_shop')).toBeNull()
    expect(Object.values(await fleet.owned()).flat()).toEqual([])
  },
)

it('a removal that is given up goes on nowhere', async () => {
  const engine = fleet.engine()
  await fleet.deployed(engine)
  const given = new AbortController()
  fleet.world('a').intercept = async (_, { method }) => {
    if (method === 'remove') given.abort(new Error('enough'))
  }
  await expect(engine.resources.remove('res_shop', { signal: given.signal })).rejects.toThrow(/^enough$/)
  fleet.world('a').intercept = null
  const owned = await fleet.owned()
  expect([owned.b?.length, owned.c?.length]).toEqual([1, 1])
})
