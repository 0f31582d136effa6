import assert from 'node:assert/strict'
import { attemptLeaseKey } from '@appaloft/core/spec'
import {
  sampleDefinition,
  sampleDeployment,
  sampleHolder,
  sampleId,
  sampleRelease,
  sampleResource,
  sampleSecret,
} from '../../fakes/records.js'
import { begin, refused, storeCase, times } from './kit.js'

export const resourceCases = [
  storeCase('store.resource.cas', 'A resource is put by compare-and-set on its stateVersion', async (store) => {
    const first = await store.putResource(sampleResource(), null)
    assert.equal(first.stateVersion, 1, 'a new resource has version 1')
    await refused(store.putResource(sampleResource(), null), 'conflict', 'null means: must not exist')
    const changed = sampleResource({ updatedAt: '2024-02-02T00:00:00.000Z' })
    const second = await store.putResource(changed, 1)
    assert.deepEqual(second, { ...changed, stateVersion: 2 })
    await refused(store.putResource(sampleResource(), 1), 'conflict', 'a version that has passed')
    await refused(store.putResource(sampleResource(), 3), 'conflict', 'a version that has not come')
    await refused(
      store.putResource(sampleResource({ id: 'res_other' }), 1),
      'conflict',
      'a resource that does not exist',
    )
    assert.deepEqual(await store.getResource('res_web'), second, 'a refused put changes nothing')
    assert.equal(await store.getResource('res_other'), null, 'a refused put creates nothing')
  }),

  storeCase('store.resource.race', 'Of several puts over one version exactly one wins', async (store) => {
    await store.putResource(sampleResource(), null)
    const outcomes = await Promise.allSettled(
      times(8, (i) => store.putResource(sampleResource({ updatedAt: `2024-01-0${i + 1}T00:00:00.000Z` }), 1)),
    )
    const won = outcomes.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []))
    assert.equal(won.length, 1, 'one winner')
    assert.deepEqual(await store.getResource('res_web'), won[0])
  }),

  storeCase('store.resource.list', 'All resources are listed by id', async (store) => {
    for (const id of ['res_b', 'res_c', 'res_a']) await store.putResource(sampleResource({ id }), null)
    assert.deepEqual(
      (await store.listResources()).map((r) => r.id),
      ['res_a', 'res_b', 'res_c'],
    )
  }),

  storeCase(
    'store.resource.remove',
    'Removing a resource takes its releases and secrets along, and nothing of another one',
    async (store) => {
      for (const [i, id] of ['res_web', 'res_other'].entries()) {
        const made = await begin(store, i + 1, { resourceId: id })
        await store.putResource(sampleResource({ id }), null)
        await store.putSealed(sampleSecret({ resourceId: id }))
        await store.commit({
          deploymentId: made.id,
          guards: [],
          releases: [sampleRelease({ id: sampleId('rel', i + 1), resourceId: id, deploymentId: made.id })],
        })
      }
      await store.removeResource('res_web')
      await store.removeResource('res_web')
      await store.removeResource('res_never')
      assert.equal(await store.getResource('res_web'), null)
      assert.equal(await store.getRelease(sampleId('rel', 1)), null)
      assert.deepEqual(await store.listReleases({ resourceId: 'res_web' }), [])
      assert.deepEqual(await store.listSealed('res_web'), [])
      assert.equal((await store.getDeployment(sampleId('dep', 1)))?.id, sampleId('dep', 1), 'deployments stay')
      assert.equal((await store.readEvents(sampleId('dep', 1))).events.length, 1, 'and so do their events')
      assert.notEqual(await store.getResource('res_other'), null)
      assert.equal((await store.listReleases({ resourceId: 'res_other' })).length, 1)
      assert.equal((await store.listSealed('res_other')).length, 1)
      const again = await store.putResource(sampleResource(), null)
      assert.equal(again.stateVersion, 1, 'and may be defined anew')
    },
  ),

  storeCase(
    'store.resource.guards',
    'A resource is put and removed only while the leases that guard it are held',
    async (store) => {
      const key = 'resource:res_web@local'
      const held = await store.acquireLease({ key, holder: sampleHolder(), expect: null })
      const guard = { key, token: held?.token ?? 0 }
      const { stateVersion } = await store.putResource(sampleResource(), null, { guards: [guard] })
      const holder = sampleHolder({ engineId: sampleId('eng', 2) })
      const next = await store.acquireLease({ key, holder, expect: await store.readLease(key) })
      const changed = sampleResource({ updatedAt: '2024-02-02T00:00:00.000Z' })
      await refused(store.putResource(changed, stateVersion, { guards: [guard] }), 'lease-lost', 'somebody else has it')
      await refused(store.putResource(changed, 99, { guards: [guard] }), 'lease-lost', 'judged before the version')
      await refused(store.removeResource('res_web', { guards: [guard] }), 'lease-lost', 'somebody else has it')
      assert.deepEqual(await store.getResource('res_web'), { ...sampleResource(), stateVersion }, 'nothing has changed')
      const present = { key, token: next?.token ?? 0 }
      await store.putResource(changed, stateVersion, { guards: [present] })
      await store.releaseLease(present)
      await refused(store.removeResource('res_web', { guards: [present] }), 'lease-lost', 'nobody has it')
      await store.removeResource('res_web')
      assert.equal(await store.getResource('res_web'), null)
    },
  ),

  storeCase(
    'store.resource.remove-deployments',
    'By option its deployments go too, with events, own leases and idempotency keys',
    async (store) => {
      const record = sampleDeployment()
      const create = (over: object) =>
        store.createDeployment({
          record: { ...record, ...over },
          holder: sampleHolder(),
          idempotencyKey: 'k',
          events: [],
        })
      await create({})
      await create({
        id: sampleId('dep', 2),
        resourceId: 'res_other',
        definition: sampleDefinition({ id: 'res_other' }),
      })
      await store.removeResource('res_web', { deployments: true })
      await store.removeResource('res_web', { deployments: true })
      assert.equal(await store.getDeployment(record.id), null)
      await refused(store.readEvents(record.id), 'deployment-not-found', 'its events are gone')
      assert.equal(await store.readLease(attemptLeaseKey(record.id)), null, 'its own lease is gone')
      assert.deepEqual(
        (await store.listDeployments()).map((d) => d.resourceId),
        ['res_other'],
      )
      const next = await create({ id: sampleId('dep', 3) })
      assert.ok(next.created, 'the key is free again')
      assert.equal(next.deployment.order, 3, 'an order is never given twice')
    },
  ),
]
