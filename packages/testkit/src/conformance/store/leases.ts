import assert from 'node:assert/strict'
import { resourceLeaseKey } from '@appaloft/core/spec'
import { sampleEvent, sampleHolder } from '../../fakes/records.js'
import { begin, everything, refused, storeCase, times } from './kit.js'

const key = resourceLeaseKey('res_web', 'local')
const holder = sampleHolder()
const rival = sampleHolder({ pid: 200 })

export const leaseCases = [
  storeCase('store.lease.acquire', 'A lease that nobody had is taken once', async (store) => {
    assert.equal(await store.readLease(key), null)
    const lease = await store.acquireLease({ key, holder, expect: null })
    assert.deepEqual(lease, { key, token: 1, beats: 0, holder })
    assert.deepEqual(await store.readLease(key), lease)
    assert.equal(await store.acquireLease({ key, holder: rival, expect: null }), null, 'there is one now')
    assert.deepEqual(await store.readLease(key), lease)
    assert.equal((await store.acquireLease({ key: 'another', holder: rival, expect: null }))?.token, 1)
  }),

  storeCase('store.lease.race', 'Of several who want it exactly one gets it', async (store) => {
    const answers = await Promise.all(
      times(8, (pid) => store.acquireLease({ key, holder: sampleHolder({ pid }), expect: null })),
    )
    const won = answers.filter((answer) => answer !== null)
    assert.equal(won.length, 1)
    assert.deepEqual(await store.readLease(key), won[0])
  }),

  storeCase('store.lease.token', 'Tokens grow and are never given twice, also after a release', async (store) => {
    const first = await store.acquireLease({ key, holder, expect: null })
    assert.ok(first !== null)
    await store.releaseLease(first)
    const released = await store.readLease(key)
    assert.deepEqual(released, { ...first, holder: null }, 'the token stays')
    const second = await store.acquireLease({ key, holder, expect: released })
    assert.equal(second?.token, 2)
    const third = await store.acquireLease({ key, holder: rival, expect: second })
    assert.equal(third?.token, 3, 'also when it is taken from a holder')
    const high = await store.acquireLease({ key, holder, expect: third, minToken: 40 })
    assert.equal(high?.token, 40, 'minToken raises it')
    const low = await store.acquireLease({ key, holder, expect: high, minToken: 7 })
    assert.equal(low?.token, 41, 'and never lowers it')
    assert.equal((await store.acquireLease({ key: 'new', holder, expect: null, minToken: 9 }))?.token, 9)
  }),

  storeCase(
    'store.lease.expect',
    'It is taken only as it was read: same token, still held or still free',
    async (store) => {
      const first = await store.acquireLease({ key, holder, expect: null })
      assert.ok(first !== null)
      assert.equal(await store.acquireLease({ key: 'none', holder, expect: first }), null, 'there never was one')
      await store.beatLeases([first])
      const second = await store.acquireLease({ key, holder: rival, expect: first })
      assert.equal(second?.token, 2, 'beats alone are no change')
      assert.equal(second?.beats, 0, 'a new holder begins to count anew')
      assert.equal(await store.acquireLease({ key, holder, expect: first }), null, 'it has another holder')
      assert.ok(second !== null)
      await store.releaseLease(second)
      assert.equal(await store.acquireLease({ key, holder, expect: second }), null, 'it was released since')
      assert.equal((await store.readLease(key))?.holder, null)
      assert.equal(
        await store.acquireLease({ key, holder, expect: { ...first, holder: null } }),
        null,
        'released, but not this one',
      )
    },
  ),

  storeCase(
    'store.lease.expect-beats',
    'A holder that beats cannot lose it to one who watched it stand still',
    async (store) => {
      const lease = await store.acquireLease({ key, holder, expect: null })
      assert.ok(lease !== null)
      await store.beatLeases([lease])
      assert.equal(await store.acquireLease({ key, holder: rival, expect: lease, expectBeats: 0 }), null, 'it moved on')
      assert.equal((await store.readLease(key))?.token, 1)
      assert.equal((await store.acquireLease({ key, holder: rival, expect: lease, expectBeats: 1 }))?.token, 2)
    },
  ),

  storeCase('store.lease.with', 'The older attempt is superseded in the same transaction', async (store) => {
    const old = await begin(store, 1)
    const held = await store.acquireLease({ key, holder, expect: null })
    const take = (expectVersion: number, expect = held) =>
      store.acquireLease({
        key,
        holder: rival,
        expect,
        with: {
          deploymentId: old.id,
          expectVersion,
          set: { status: 'superseded', supersededBy: 'dep_new' },
          events: [sampleEvent('', { type: 'deployment-finished' })],
        },
      })
    const before = await everything(store, [old.id], [key])
    assert.equal(await take(2), null, 'the attempt is not at this version')
    assert.equal(await take(1, null), null, 'the lease is not as expected')
    assert.deepEqual(await everything(store, [old.id], [key]), before, 'neither the one nor the other')
    const taken = await take(1)
    assert.equal(taken?.token, 2)
    const record = await store.getDeployment(old.id)
    assert.deepEqual([record?.status, record?.supersededBy, record?.version], ['superseded', 'dep_new', 2])
    const { events } = await store.readEvents(old.id)
    assert.deepEqual(
      events.map((event) => [event.sequence, event.type]),
      [
        [1, 'deployment-accepted'],
        [2, 'deployment-finished'],
      ],
    )
    await refused(take(2, taken), 'illegal-transition', 'it has ended already')
    assert.deepEqual(await store.readLease(key), taken, 'and the lease is left alone')
    const nobody = { deploymentId: 'dep_none', expectVersion: 1, set: {} }
    assert.equal(await store.acquireLease({ key, holder, expect: taken, with: nobody }), null, 'no such attempt')
  }),

  storeCase('store.lease.beat', 'Beats count for those who still hold, and tell the others', async (store) => {
    const a = await store.acquireLease({ key: 'a', holder, expect: null })
    const b = await store.acquireLease({ key: 'b', holder, expect: null })
    const c = await store.acquireLease({ key: 'c', holder, expect: null })
    assert.ok(a !== null && b !== null && c !== null)
    assert.deepEqual(await store.beatLeases([a, b, c]), [])
    await store.releaseLease(b)
    await store.acquireLease({ key: 'c', holder: rival, expect: c })
    assert.deepEqual(await store.beatLeases([a, b, c, { key: 'd', token: 1 }]), ['b', 'c', 'd'])
    assert.equal((await store.readLease('a'))?.beats, 2)
    assert.deepEqual(await store.readLease('b'), { ...b, beats: 1, holder: null })
    assert.deepEqual(await store.readLease('c'), { key: 'c', token: 2, beats: 0, holder: rival })
    assert.equal(await store.readLease('d'), null)
    assert.deepEqual(await store.beatLeases([]), [])
  }),

  storeCase('store.lease.release', 'Giving back is idempotent and leaves another holder alone', async (store) => {
    const first = await store.acquireLease({ key, holder, expect: null })
    assert.ok(first !== null)
    await store.releaseLease(first)
    await store.releaseLease(first)
    await store.releaseLease({ key: 'none', token: 1 })
    assert.equal(await store.readLease('none'), null)
    const second = await store.acquireLease({ key, holder: rival, expect: { ...first, holder: null } })
    await store.releaseLease(first)
    assert.deepEqual(await store.readLease(key), second)
  }),
]
