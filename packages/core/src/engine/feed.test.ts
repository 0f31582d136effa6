import { sampleDeployment, sampleEvent, sampleHolder, sampleId } from '@appaloft/testkit'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { nextOf, Observatory } from '../../test/observation.js'
import { settled } from '../../test/virtual-clock.js'
import type { EventsRead, Store } from '../spec/store.js'
import { createFeed } from './feed.js'
import { observe } from './observe.js'

let scene: Observatory
beforeEach(async () => {
  scene = await Observatory.open()
})
const read = (last: number): EventsRead => ({ events: [], prunedThrough: 0, last })
/** A feed on a store whose reads the test answers. */
function byHand() {
  const answers: ((value: EventsRead) => void)[] = []
  let ring = () => {}
  const end = vi.fn()
  const subscribe = vi.fn((wake: () => void) => {
    ring = wake
    return end
  })
  const readEvents = vi.fn(() => new Promise<EventsRead>((resolve) => answers.push(resolve)))
  const store: Store = { ...scene.store, subscribe, readEvents }
  return { feed: createFeed(store), answers, ring: () => ring(), subscribe, end, readEvents }
}

describe('many observers of one engine', () => {
  it('cost the store one subscription, and one read for each change', async () => {
    const readEvents = vi.fn(scene.store.readEvents)
    const subscribe = vi.fn(scene.store.subscribe)
    const runtime = scene.runtime({ ...scene.store, readEvents, subscribe })
    const all = Array.from({ length: 100 }, () => scene.observe({ follow: true, cursor: '1' }, runtime))
    let nexts = all.map(nextOf)
    await settled()
    for (let at = 2; at < 12; at += 1) {
      readEvents.mockClear()
      await scene.append(1)
      expect(await Promise.all(nexts)).toEqual(Array(100).fill(`${at}`))
      nexts = all.map(nextOf)
      await settled()
      expect(readEvents).toHaveBeenCalledTimes(1)
    }
    expect(subscribe).toHaveBeenCalledTimes(1)
    for (const one of all) await one.return?.()
  })

  it('and many reads of one observer at once, make Node warn of nothing', async () => {
    const warned: string[] = []
    const warn = (warning: Error) => warned.push(warning.name)
    process.on('warning', warn)
    const runtime = scene.runtime()
    const all = Array.from({ length: 30 }, () => scene.observe({ follow: true, cursor: '1' }, runtime))
    const nexts = [...all, ...Array(30).fill(all[0])].map(nextOf)
    await settled()
    for (const one of all) await one.return?.()
    await Promise.all(nexts)
    await settled()
    process.off('warning', warn)
    expect(warned).toEqual([])
  })
})

describe('observers of many deployments', () => {
  it('read only what the change was about', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => sampleId('dep', i + 100))
    for (const id of ids)
      await scene.store.createDeployment({
        record: sampleDeployment({ id }),
        holder: sampleHolder(),
        events: [sampleEvent('1')],
      })
    const readEvents = vi.fn(scene.store.readEvents)
    const runtime = scene.runtime({ ...scene.store, readEvents })
    const all = ids.map((id) => observe(runtime, id, { follow: true, cursor: '1' }))
    const nexts = all.map(nextOf)
    await settled()
    readEvents.mockClear()
    for (const id of ids) {
      await scene.store.commit({ deploymentId: id, guards: [], events: [sampleEvent('2')] })
      await settled()
    }
    expect(await Promise.all(nexts)).toEqual(Array(20).fill('2'))
    expect(readEvents.mock.calls.map(([id]) => id)).toEqual(ids)
    for (const one of all) await one.return?.()
  })

  it('are all woken where nobody knows what changed', async () => {
    const { feed, ring } = byHand()
    const woken: string[] = []
    for (const id of ['one', 'two']) feed.subscribe(id, () => woken.push(id))
    ring()
    expect(woken).toEqual(['one', 'two'])
  })
})

describe('the news', () => {
  it('are read once for all who were woken by the same, and anew after the next wake-up', async () => {
    const { feed, answers, ring, readEvents } = byHand()
    feed.subscribe('dep', () => {})
    ring()
    const before = [feed.news('dep', 1, 10), feed.news('dep', 1, 10)]
    const elsewhere = feed.news('dep', 2, 10)
    expect(readEvents).toHaveBeenCalledTimes(2)
    // Woken while that read was under way: it may have missed what they were woken by.
    ring()
    const after = feed.news('dep', 1, 10)
    expect(readEvents).toHaveBeenCalledTimes(3)
    for (const [i, answer] of answers.entries()) answer(read(i))
    expect(await Promise.all([...before, elsewhere, after])).toEqual([read(0), read(0), read(1), read(2)])
    // Still the same wake-up.
    expect(await feed.news('dep', 1, 10)).toEqual(read(2))
    expect(readEvents).toHaveBeenCalledTimes(3)
  })

  it('that could not be read are asked for again', async () => {
    const { feed, ring, readEvents } = byHand()
    feed.subscribe('dep', () => {})
    ring()
    readEvents.mockRejectedValueOnce(new Error('away'))
    await expect(feed.news('dep', 1, 10)).rejects.toThrow('away')
    readEvents.mockResolvedValueOnce(read(7))
    expect(await feed.news('dep', 1, 10)).toEqual(read(7))
  })

  it('of very many places are not all remembered', async () => {
    const { feed, ring, readEvents } = byHand()
    feed.subscribe('dep', () => {})
    ring()
    for (let round = 0; round < 2; round += 1) for (let at = 0; at < 100; at += 1) void feed.news('dep', at, 10)
    expect(readEvents).toHaveBeenCalledTimes(200 - 16)
  })

  it('are forgotten with the last subscription, which ends the one of the store', () => {
    const { feed, ring, subscribe, end, readEvents } = byHand()
    const leave = [feed.subscribe('dep', () => {}), feed.subscribe('dep', () => {})]
    ring()
    void feed.news('dep', 1, 10)
    leave[0]?.()
    leave[0]?.()
    expect(end).not.toHaveBeenCalled()
    leave[1]?.()
    expect(end).toHaveBeenCalledTimes(1)
    feed.subscribe('dep', () => {})
    expect(subscribe).toHaveBeenCalledTimes(2)
    void feed.news('dep', 1, 10)
    expect(readEvents).toHaveBeenCalledTimes(2)
  })
})
