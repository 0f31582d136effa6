import assert from 'node:assert/strict'
import { attemptLeaseKey } from '@appaloft/core/spec'
import { sampleDeployment, sampleEvent, sampleHolder, sampleId } from '../../fakes/records.js'
import { begin, refused, storeCase, times, upTo } from './kit.js'

export const createCases = [
  storeCase(
    'store.create.record',
    'A deployment is created with order, version and its first events',
    async (store) => {
      const record = sampleDeployment()
      const events = [sampleEvent('accepted', { type: 'deployment-accepted' }), sampleEvent('two')]
      const answer = await store.createDeployment({ record, holder: sampleHolder(), events })
      assert.equal(answer.created, true)
      assert.deepEqual(answer.deployment, { ...record, order: 1, version: 1 })
      assert.deepEqual(await store.getDeployment(record.id), answer.deployment)
      assert.deepEqual(await store.readEvents(record.id), {
        events: events.map((event, i) => ({ ...event, deploymentId: record.id, sequence: i + 1 })),
        prunedThrough: 0,
        last: 2,
      })
    },
  ),

  storeCase('store.create.lease', 'The attempt’s own lease is taken with its creation', async (store) => {
    const record = sampleDeployment()
    const holder = sampleHolder()
    const { lease } = await store.createDeployment({ record, holder, events: [] })
    assert.deepEqual(lease, { key: attemptLeaseKey(record.id), token: 1, beats: 0, holder })
    assert.deepEqual(await store.readLease(attemptLeaseKey(record.id)), lease)
    assert.deepEqual(await store.beatLeases([{ key: attemptLeaseKey(record.id), token: 1 }]), [], 'it is held')
  }),

  storeCase(
    'store.create.exists',
    'An id that exists is refused, and its lease stays with its holder',
    async (store) => {
      const { id, deployment, lease } = await begin(store)
      const again = sampleDeployment({ id, target: 'other' })
      await refused(
        store.createDeployment({ record: again, holder: sampleHolder({ pid: 7 }), events: [] }),
        'conflict',
        'the same id twice',
      )
      assert.deepEqual(await store.getDeployment(id), deployment)
      assert.deepEqual(await store.readLease(lease.key), lease)
      assert.equal((await begin(store, 2)).deployment.order, 2, 'a refused creation uses no order up')
    },
  ),

  storeCase(
    'store.create.idempotency',
    'A key that the resource used before answers with the former deployment',
    async (store) => {
      const create = (number: number, idempotencyKey: string | undefined, resourceId = 'res_web') =>
        store.createDeployment({
          record: sampleDeployment({ id: sampleId('dep', number), resourceId }),
          holder: sampleHolder({ deploymentId: sampleId('dep', number) }),
          idempotencyKey,
          events: [sampleEvent()],
        })
      const first = await create(1, 'k')
      await store.commit({ deploymentId: first.deployment.id, guards: [], set: { status: 'failed' } })
      const second = await create(2, 'k')
      assert.equal(second.created, false)
      assert.equal(second.lease, null, 'no lease is taken')
      assert.deepEqual(second.deployment, await store.getDeployment(first.deployment.id), 'as it is now')
      assert.equal(await store.getDeployment(sampleId('dep', 2)), null)
      assert.equal(await store.readLease(attemptLeaseKey(sampleId('dep', 2))), null)
      assert.equal((await store.readEvents(first.deployment.id)).last, 1, 'no event is added')
      assert.equal((await create(3, 'other')).created, true, 'another key')
      assert.equal((await create(4, 'k', 'res_other')).created, true, 'another resource')
      assert.equal((await create(5, undefined)).created, true, 'no key')
      const race = await Promise.all(times(5, (i) => create(10 + i, 'race')))
      assert.equal(race.filter((answer) => answer.created).length, 1, 'at once: one is created')
      assert.equal(new Set(race.map((answer) => answer.deployment.id)).size, 1, 'and all are told the same')
    },
  ),

  storeCase('store.create.order', 'Orders grow without holes, also under concurrency', async (store) => {
    const made = await Promise.all(times(20, (i) => begin(store, i + 1, { resourceId: `res_${i % 3}` })))
    const orders = made.map((one) => one.deployment.order).sort((a, b) => a - b)
    assert.deepEqual(orders, upTo(20))
    const told = sampleDeployment({ id: sampleId('dep', 50) })
    const { deployment } = await store.createDeployment({
      record: { ...told, order: 900, version: 9 } as typeof told,
      holder: sampleHolder(),
      events: [],
    })
    assert.deepEqual([deployment.order, deployment.version], [21, 1], 'given by the store, not by the caller')
  }),

  storeCase('store.deployment.list', 'Deployments are listed newest first, filtered and paged', async (store) => {
    await begin(store, 5, { resourceId: 'res_a', target: 't1' })
    await begin(store, 4, { resourceId: 'res_a', target: 't2' })
    await begin(store, 3, { resourceId: 'res_b', target: 't1', status: 'executing' })
    await begin(store, 2, { resourceId: 'res_a', target: 't1', status: 'failed' })
    const orders = async (query?: Parameters<typeof store.listDeployments>[0]) =>
      (await store.listDeployments(query)).map((d) => d.order)
    assert.deepEqual(await orders(), [4, 3, 2, 1])
    assert.deepEqual(await orders({ resourceId: 'res_a' }), [4, 2, 1])
    assert.deepEqual(await orders({ target: 't1' }), [4, 3, 1])
    assert.deepEqual(await orders({ resourceId: 'res_a', target: 't1' }), [4, 1])
    assert.deepEqual(await orders({ statuses: ['executing', 'failed'] }), [4, 3])
    assert.deepEqual(await orders({ statuses: [] }), [])
    assert.deepEqual(await orders({ before: 3 }), [2, 1])
    assert.deepEqual(await orders({ limit: 3 }), [4, 3, 2])
    assert.deepEqual(await orders({ resourceId: 'res_a', before: 4, limit: 1 }), [2])
    await store.commit({ deploymentId: sampleId('dep', 5), guards: [], set: { status: 'detecting' } })
    assert.deepEqual(await orders({ statuses: ['queued'] }), [2], 'by the status of now')
    assert.deepEqual(await orders({ statuses: ['detecting'] }), [1])
  }),

  storeCase(
    'store.deployment.list-limit',
    'A list has 50 deployments where nothing else is said, and 1,000 at most',
    async (store) => {
      for (const number of upTo(52)) await begin(store, number)
      assert.equal((await store.listDeployments()).length, 50)
      assert.equal((await store.listDeployments({ limit: 51 })).length, 51)
      assert.equal((await store.listDeployments({ limit: 5_000 })).length, 52)
    },
  ),
]
