import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Scene } from '../../test/engine.js'
import { AppaloftError } from '../spec/errors.js'
import { resourceLeaseKey } from '../spec/lease.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

const away = new AppaloftError('runtime-backend-unavailable', { message: 'It is away.' })
const id = 'res_shop'

describe('the status of what cannot be asked', () => {
  it('is what the store knows, with why the rest is not known', async () => {
    const engine = scene.engine()
    const { accessUrls, ...live } = await scene.deployed(engine)
    const desired = { deploymentId: live.id, releaseId: live.release?.id }
    expect(await engine.resources.status(id)).toMatchObject({ desired, problem: null, observed: { state: 'running' } })
    scene.world.fail('inspect', away)
    expect(await engine.resources.status(id)).toMatchObject({
      ...{ desired, urls: accessUrls, drift: [], activeDeploymentId: null },
      observed: { live: null, state: 'unknown', running: null },
      problem: { code: 'runtime-backend-unavailable', message: 'It is away.', recoveryHint: away.recoveryHint },
    })
  })

  it('keeps what was seen where the proxy alone is away', async () => {
    const engine = scene.engine()
    await scene.deployed(engine)
    scene.world.fail('observe', away)
    expect(await engine.resources.status(id)).toMatchObject({
      ...{ observed: { live: null, state: 'running' }, drift: [] },
      problem: { code: 'runtime-backend-unavailable' },
    })
  })

  it('hides no fault of ours', async () => {
    const engine = scene.engine()
    await scene.deployed(engine)
    scene.world.fail('inspect', new TypeError('ordered'))
    await expect(engine.resources.status(id)).rejects.toThrow('ordered')
  })
})

it('tells of a route that somebody else took away as of one that drifted', async () => {
  const engine = scene.engine()
  await scene.deployed(engine)
  const { token } = (await scene.store.readLease(resourceLeaseKey(id, scene.target.key)))!
  await scene.target.proxy!.remove(id, token)
  scene.world.fail('endpoint', new AppaloftError('resource-not-found', { message: 'The proxy has no route.' }))
  expect(await engine.resources.status(id)).toMatchObject({
    ...{ problem: null, urls: [], drift: [{ code: 'route-not-served' }] },
  })
})
