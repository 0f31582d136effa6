import assert from 'node:assert/strict'
import type { Store } from '@appaloft/core/spec'
import { sampleEvent } from '../../fakes/records.js'
import { begin, eventually, pause, refused, storeCase, times, upTo } from './kit.js'

const append = (store: Store, deploymentId: string, ...messages: string[]) =>
  store.commit({ deploymentId, guards: [], events: messages.map((m) => sampleEvent(m)), durable: false })

const sequences = async (store: Store, id: string, options?: { after?: number; limit?: number }) =>
  (await store.readEvents(id, options)).events.map((event) => event.sequence)

export const eventCases = [
  storeCase(
    'store.events.sequence',
    'Sequences begin at 1 and have no holes, whoever appends at once',
    async (store) => {
      const first = await begin(store, 1)
      const second = await begin(store, 2)
      const answers = await Promise.all(
        times(40, (i) => append(store, i % 2 === 0 ? first.id : second.id, ...times(1 + (i % 3), (j) => `${i}.${j}`))),
      )
      for (const { id } of [first, second]) {
        const read = await store.readEvents(id)
        assert.deepEqual(
          read.events.map((event) => event.sequence),
          upTo(read.events.length),
        )
        assert.equal(read.last, read.events.length)
        const told = answers.flatMap((answer) => answer.events).filter((event) => event.deploymentId === id)
        assert.deepEqual(
          told.sort((a, b) => a.sequence - b.sequence),
          read.events.slice(1),
          'each answer carries the events as they are read',
        )
      }
      for (const { events } of answers) {
        const from = events[0]?.sequence ?? 0
        assert.deepEqual(
          events.map((event) => event.sequence),
          times(events.length, (i) => from + i),
          'events of one commit stay together',
        )
      }
    },
  ),

  storeCase('store.events.read', 'Events are read after a sequence, oldest first, up to a limit', async (store) => {
    const { id } = await begin(store)
    await append(store, id, ...times(9, String))
    assert.deepEqual(await sequences(store, id), upTo(10))
    assert.deepEqual(await sequences(store, id, { after: 0 }), upTo(10))
    assert.deepEqual(await sequences(store, id, { after: 7 }), [8, 9, 10])
    assert.deepEqual(await sequences(store, id, { after: 2, limit: 3 }), [3, 4, 5])
    assert.deepEqual(await sequences(store, id, { after: 10 }), [])
    assert.deepEqual(await sequences(store, id, { after: 99 }), [])
    assert.deepEqual(await store.readEvents(id, { after: 10 }), { events: [], prunedThrough: 0, last: 10 })
    await refused(store.readEvents('dep_none'), 'deployment-not-found', 'no such deployment')
  }),

  storeCase('store.events.read-limit', 'A read brings 1,000 events where nothing else is said', async (store) => {
    const { id } = await begin(store)
    await append(store, id, ...times(1_200, String))
    assert.deepEqual(await sequences(store, id), upTo(1_000))
    assert.equal((await sequences(store, id, { limit: 1_100 })).length, 1_100)
    assert.equal((await store.readEvents(id)).last, 1_201)
  }),

  storeCase('store.events.prune', 'Pruned events are gone, and the mark tells', async (store) => {
    const { id } = await begin(store)
    await append(store, id, ...times(9, String))
    assert.equal(await store.pruneEvents(id, 4), 4)
    assert.equal(await store.pruneEvents(id, 4), 0, 'idempotent')
    assert.equal(await store.pruneEvents(id, 2), 0, 'the mark never goes back')
    const read = await store.readEvents(id)
    assert.deepEqual([read.prunedThrough, read.last], [4, 10])
    assert.deepEqual(await sequences(store, id), [5, 6, 7, 8, 9, 10])
    assert.deepEqual(await sequences(store, id, { after: 2, limit: 2 }), [5, 6])
    assert.deepEqual(await sequences(store, id, { after: 8 }), [9, 10])
    assert.equal(await store.pruneEvents(id, 99), 6, 'no further than the last')
    assert.deepEqual(await store.readEvents(id), { events: [], prunedThrough: 10, last: 10 })
    assert.equal((await append(store, id, 'next')).events[0]?.sequence, 11, 'sequences go on')
    assert.deepEqual(await sequences(store, id), [11])
    assert.equal(await store.pruneEvents('dep_none', 5), 0)
  }),

  storeCase('store.subscribe.own', 'A listener is woken after a commit, and no more after its end', async (store) => {
    const { id, lease } = await begin(store)
    let woken = 0
    const end = store.subscribe(() => {
      woken += 1
    })
    const wakes = async (what: string, change: () => Promise<unknown>) => {
      const before = woken
      await change()
      await eventually(() => woken > before, what)
    }
    await wakes('events', () => append(store, id, 'a'))
    await wakes('a change', () => store.commit({ deploymentId: id, guards: [], set: { status: 'detecting' } }))
    await wakes('a creation', () => begin(store, 2))
    await wakes('a lease given back', () => store.releaseLease(lease))
    end()
    end()
    await pause(20)
    const before = woken
    await append(store, id, 'b')
    await pause(50)
    assert.equal(woken, before, 'the subscription has ended')
  }),

  storeCase(
    'store.subscribe.which',
    'A wake-up that names deployments names each one that changed, also of a burst and of another’s lease that was taken',
    async (store) => {
      const one = await begin(store)
      const two = await begin(store, 2)
      let named = new Set<string>()
      const end = store.subscribe((changed) => {
        for (const id of changed ?? [one.id, two.id]) named.add(id)
      })
      const names = async (what: string, change: () => Promise<unknown>, ids: string[]) => {
        await pause(20)
        named = new Set()
        await change()
        await eventually(() => ids.every((id) => named.has(id)), what)
      }
      await names('one', () => append(store, one.id, 'a'), [one.id])
      await names('both', () => Promise.all([append(store, one.id, 'b'), append(store, two.id, 'b')]), [one.id, two.id])
      await names('a record', () => store.commit({ deploymentId: two.id, guards: [], set: { status: 'detecting' } }), [
        two.id,
      ])
      await names('pruned events', () => store.pruneEvents(one.id, 1), [one.id])
      await names('a removal', () => store.removeResource('res_web', { deployments: true }), [one.id, two.id])
      end()
    },
  ),

  storeCase(
    'store.subscribe.last',
    'Who reads on each wake-up misses nothing, the last event of a burst included',
    async (store) => {
      const { id } = await begin(store)
      const seen: number[] = []
      let reading = Promise.resolve()
      const end = store.subscribe(() => {
        reading = reading.then(async () => {
          const { events } = await store.readEvents(id, { after: seen.at(-1) ?? 0 })
          seen.push(...events.map((event) => event.sequence))
        })
      })
      for (const i of upTo(30)) {
        await append(store, id, String(i))
        if (i % 7 === 0) await pause(1)
      }
      await eventually(() => seen.at(-1) === 31, 'the last event')
      assert.deepEqual(seen, upTo(31))
      end()
    },
  ),

  storeCase(
    'store.subscribe.throws',
    'A listener that throws disturbs neither the commit nor the others',
    async (store) => {
      const { id } = await begin(store)
      let woken = 0
      const ends = [
        store.subscribe(() => {
          throw new Error('a listener of the test')
        }),
        store.subscribe(() => {
          woken += 1
        }),
      ]
      await append(store, id, 'a')
      await eventually(() => woken > 0, 'the other listener')
      assert.equal((await store.readEvents(id)).last, 2)
      for (const end of ends) end()
    },
  ),

  storeCase(
    'store.subscribe.other',
    'A commit through another handle wakes, too',
    async (store, { another }) => {
      const { id } = await begin(store)
      const other = await another()
      const woken = [0, 0]
      const ends = [store, other].map((handle, i) =>
        handle.subscribe(() => {
          woken[i] = (woken[i] ?? 0) + 1
        }),
      )
      await pause(20)
      for (const [writer, reader] of [
        [store, 1],
        [other, 0],
      ] as const) {
        const before = woken[reader] ?? 0
        await append(writer, id, 'a')
        await eventually(() => (woken[reader] ?? 0) > before, `handle ${reader}`)
      }
      for (const end of ends) end()
    },
    ['shared'],
  ),
]
