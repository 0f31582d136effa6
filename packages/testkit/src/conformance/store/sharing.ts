import assert from 'node:assert/strict'
import { sampleDeployment, sampleEvent, sampleHolder, sampleId, sampleResource } from '../../fakes/records.js'
import { begin, everything, refused, storeCase, times, upTo } from './kit.js'

export const sharingCases = [
  storeCase(
    'store.durable.reopen',
    'What was written is there after closing and opening again, and counting goes on',
    async (store, { another }) => {
      const { id, lease } = await begin(store)
      await store.putResource(sampleResource(), null)
      await store.commit({ deploymentId: id, guards: [], set: { token: 4 }, events: [sampleEvent()], durable: false })
      await store.pruneEvents(id, 1)
      const before = await everything(store, [id], [lease.key])
      await store.close()
      const again = await another()
      assert.deepEqual(await everything(again, [id], [lease.key]), before)
      assert.equal(
        (await again.commit({ deploymentId: id, guards: [lease], events: [sampleEvent()] })).events[0]?.sequence,
        3,
      )
      assert.equal((await begin(again, 2)).deployment.order, 2)
    },
    ['durable'],
  ),

  storeCase(
    'store.shared.visible',
    'What one handle wrote, another reads at once and may change',
    async (store, { another }) => {
      const other = await another()
      assert.deepEqual(await other.listDeployments(), [])
      const { id, lease } = await begin(store)
      assert.deepEqual(await everything(other, [id], [lease.key]), await everything(store, [id], [lease.key]))
      await other.commit({ deploymentId: id, guards: [lease], set: { status: 'detecting' } })
      assert.equal((await store.getDeployment(id))?.status, 'detecting')
      await refused(
        store.commit({ deploymentId: id, guards: [], expectVersion: 1, set: { status: 'planning' } }),
        'conflict',
        'the other handle was faster',
      )
      await other.releaseLease(lease)
      assert.deepEqual(await store.beatLeases([lease]), [lease.key])
    },
    ['shared'],
  ),

  storeCase(
    'store.shared.sequence',
    'Handles that append at once leave no hole, and each event is there once',
    async (store, { another }) => {
      const other = await another()
      const { id } = await begin(store)
      await Promise.all(
        times(60, (i) =>
          (i % 2 === 0 ? store : other).commit({
            deploymentId: id,
            guards: [],
            events: [sampleEvent(String(i))],
            durable: i % 5 === 0,
          }),
        ),
      )
      const { events, last } = await other.readEvents(id)
      assert.equal(last, 61)
      assert.deepEqual(
        events.map((event) => event.sequence),
        upTo(61),
      )
      assert.deepEqual(
        events
          .slice(1)
          .map((event) => Number(event.message))
          .sort((a, b) => a - b),
        times(60, (i) => i),
      )
    },
    ['shared'],
  ),

  storeCase(
    'store.shared.race',
    'Of two handles that want the same, one gets it',
    async (store, { another }) => {
      const other = await another()
      const handles = [store, other, store, other]
      const leases = await Promise.all(
        handles.map((handle, pid) => handle.acquireLease({ key: 'k', holder: sampleHolder({ pid }), expect: null })),
      )
      assert.equal(leases.filter((lease) => lease !== null).length, 1, 'one lease')
      const made = await Promise.all(
        handles.map((handle, i) =>
          handle.createDeployment({
            record: sampleDeployment({ id: sampleId('dep', i + 1) }),
            holder: sampleHolder(),
            idempotencyKey: 'k',
            events: [],
          }),
        ),
      )
      assert.equal(made.filter((one) => one.created).length, 1, 'one deployment')
      const put = await Promise.allSettled(handles.map((handle) => handle.putResource(sampleResource(), null)))
      assert.equal(put.filter((one) => one.status === 'fulfilled').length, 1, 'one resource')
    },
    ['shared'],
  ),
]
