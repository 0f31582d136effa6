import assert from 'node:assert/strict'
import { type Adopt, attemptLeaseKey } from '@appaloft/core/spec'
import {
  sampleDeployment,
  sampleEvent,
  sampleId,
  sampleRelease,
  sampleResource,
  sampleSecret,
} from '../../fakes/records.js'
import { begin, everything, refused, storeCase, upTo } from './kit.js'

const events = [
  sampleEvent('accepted', { type: 'deployment-accepted' }),
  sampleEvent('succeeded', { type: 'deployment-finished' }),
]

const deployment = (
  number: number,
  over: Parameters<typeof sampleDeployment>[0] = {},
): Adopt['deployments'][number] => {
  const { order: _order, version: _version, ...record } = { order: 0, version: 0, ...sampleDeployment() }
  return { record: { ...record, id: sampleId('dep', number), status: 'succeeded', ...over }, events }
}
const release = (number: number) =>
  sampleRelease({ id: sampleId('rel', number), deploymentId: sampleId('dep', number), state: 'retained' })
const live = (number: number) => ({
  local: { deploymentId: sampleId('dep', number), releaseId: sampleId('rel', number) },
})

/** Deployments and releases of these numbers, the last one live. */
const adoption = (numbers: number[], rest: Partial<Adopt> = {}): Adopt => ({
  resource: sampleResource({ live: live(numbers.at(-1)!) }),
  expected: null,
  deployments: numbers.map((number) => deployment(number)),
  releases: numbers.map(release),
  promotions: numbers.map((number) => sampleId('rel', number)),
  sealed: [sampleSecret()],
  ...rest,
})

export const adoptCases = [
  storeCase('store.adopt.all', 'What other stores did is there as if it had been done here', async (store) => {
    const resource = await store.adopt(adoption([3, 1]))
    assert.deepEqual(resource, { ...sampleResource({ live: live(1) }), stateVersion: 1 })
    assert.deepEqual(await store.getResource('res_web'), resource)
    const [newest, older, ...rest] = await store.listDeployments()
    assert.deepEqual(newest, { ...deployment(1).record, order: 2, version: 1 })
    assert.deepEqual(older, { ...deployment(3).record, order: 1, version: 1 })
    assert.equal(rest.length, 0)
    const read = await store.readEvents(sampleId('dep', 1))
    assert.deepEqual(
      read.events,
      events.map((event, i) => ({ ...event, deploymentId: sampleId('dep', 1), sequence: i + 1 })),
    )
    assert.deepEqual([read.last, read.prunedThrough], [2, 0])
    assert.deepEqual(await store.getRelease(sampleId('rel', 3)), { ...release(3), promotedOrder: 1 })
    assert.deepEqual(await store.getRelease(sampleId('rel', 1)), { ...release(1), promotedOrder: 2 })
    assert.deepEqual(await store.getSealed(sampleSecret()), sampleSecret())
    assert.equal(await store.readLease(attemptLeaseKey(sampleId('dep', 1))), null, 'nobody is at work on it')
  }),

  storeCase(
    'store.adopt.order',
    'What comes after it is newer, and its orders are never given again',
    async (store) => {
      await begin(store, 9)
      await store.adopt(adoption([1, 2]))
      const { deployment: next } = await begin(store, 10)
      assert.equal(next.order, 4)
      assert.deepEqual(
        (await store.listDeployments()).map(({ id, order }) => [Number(id.slice(-2)), order]),
        [
          [10, 4],
          [2, 3],
          [1, 2],
          [9, 1],
        ],
      )
    },
  ),

  storeCase('store.adopt.known', 'What is known stays as it is, but for the order of the promotions', async (store) => {
    const { id, lease } = await begin(store, 1)
    const own = { ...release(1), artifact: { own: true }, promotedOrder: 1 }
    await store.commit({ deploymentId: id, guards: [lease], set: { token: 7 }, releases: [own] })
    const before = await store.getDeployment(id)
    await store.putSealed(sampleSecret({ sealed: 'own' }))
    await store.adopt(adoption([2, 1], { promotions: [2, 1, 8].map((number) => sampleId('rel', number)) }))
    assert.deepEqual(await store.getDeployment(id), before)
    assert.equal((await store.readEvents(id)).last, 1)
    assert.deepEqual(await store.getRelease(own.id), { ...own, promotedOrder: 2 })
    assert.equal((await store.getRelease(sampleId('rel', 2)))?.promotedOrder, 1)
    assert.equal((await store.getSealed(sampleSecret()))?.sealed, 'own')
  }),

  storeCase('store.adopt.gone', 'Releases that are no longer there are forgotten', async (store) => {
    const { stateVersion } = await store.adopt(adoption([1, 2, 3]))
    const gone = [sampleId('rel', 1), sampleId('rel', 7)]
    const promotions = [3, 2].map((number) => sampleId('rel', number))
    await store.adopt(adoption([2, 3], { expected: stateVersion, deployments: [], gone, promotions }))
    assert.deepEqual(
      (await store.listReleases({ resourceId: 'res_web' })).map((one) => [one.id, one.promotedOrder]),
      [
        [sampleId('rel', 3), 2],
        [sampleId('rel', 2), 3],
      ],
    )
  }),

  storeCase('store.adopt.again', 'Made again, it changes the version of the resource alone', async (store) => {
    const first = await store.adopt(adoption([1, 2]))
    const ids = [1, 2].map((number) => sampleId('dep', number))
    const before = await everything(store, ids, [])
    const second = await store.adopt(adoption([1, 2], { expected: first.stateVersion }))
    assert.equal(second.stateVersion, 2)
    assert.deepEqual({ ...(await everything(store, ids, [])), resources: [] }, { ...before, resources: [] })
  }),

  storeCase('store.adopt.refused', 'What is refused changes nothing', async (store) => {
    const first = await store.adopt(adoption([1]))
    const ids = [sampleId('dep', 1)]
    const before = await everything(store, ids, [])
    const next = (rest: Partial<Adopt>) => store.adopt(adoption([1, 2], { expected: first.stateVersion, ...rest }))
    await refused(next({ expected: null }), 'conflict', 'it exists already')
    await refused(next({ expected: 9 }), 'conflict', 'a version that has not come')
    await refused(next({ sealed: [sampleSecret({ digest: 'f'.repeat(64) })] }), 'conflict', 'another value')
    const open = [deployment(2), deployment(3, { status: 'verifying' })]
    await refused(next({ deployments: open }), 'illegal-transition', 'one that has not ended')
    await refused(
      store.adopt(adoption([5], { resource: sampleResource({ id: 'res_other' }), expected: 1 })),
      'conflict',
      'a resource that does not exist',
    )
    assert.deepEqual(await everything(store, ids, []), before)
    assert.equal((await begin(store, 9)).deployment.order, 2, 'no order was spent')
  }),

  storeCase('store.adopt.race', 'Of several adoptions over one version exactly one wins', async (store) => {
    const { stateVersion } = await store.adopt(adoption([1]))
    const results = await Promise.allSettled(
      upTo(5).map((i) => store.adopt(adoption([1, i + 1], { expected: stateVersion }))),
    )
    assert.equal(results.filter((one) => one.status === 'fulfilled').length, 1)
    assert.equal((await store.listDeployments()).length, 2)
    assert.equal((await store.getResource('res_web'))?.stateVersion, stateVersion + 1)
  }),

  storeCase('store.adopt.wakes', 'It wakes whoever waits for what changed', async (store) => {
    let woken = 0
    const end = store.subscribe(() => {
      woken += 1
    })
    await store.adopt(adoption([1]))
    for (let tries = 0; woken === 0 && tries < 400; tries++) await new Promise((resolve) => setTimeout(resolve, 5))
    end()
    assert.ok(woken > 0, 'nobody was woken within two seconds')
  }),
]
