import { beforeEach, describe, expect, it, vi } from 'vitest'
import { collected, nextOf, Observatory, told } from '../../test/observation.js'
import { settled } from '../../test/virtual-clock.js'
import { type Envelope, type EventsOptions, memoryStore, type Store } from '../index.js'
import { AppaloftError } from '../spec/errors.js'

let scene: Observatory
beforeEach(async () => {
  scene = await Observatory.open()
})
const follow = true

/** The store as it is, but for one method. */
const store = (change: Partial<Store>): Store => ({ ...scene.store, ...change })

/** Counts the subscriptions that are open, and those that ever were. */
function subscriptions() {
  const count = { open: 0, ever: 0 }
  const subscribe: Store['subscribe'] = (wake) => {
    count.open += 1
    count.ever += 1
    const end = scene.store.subscribe(wake)
    return () => {
      count.open -= 1
      end()
    }
  }
  return { count, subscribe }
}

describe('the end of a stream', () => {
  it('without follow: what there is, then source-ended; completed where the attempt has ended', async () => {
    await scene.append(2)
    expect((await collected(scene.observe())).map(told)).toEqual(['1', '2', '3', 'closed source-ended@3'])
    await scene.finish()
    expect((await collected(scene.observe({ cursor: '2' }))).map(told)).toEqual(['3', '4', 'closed completed@4'])
    expect((await collected(scene.observe({ cursor: '4', follow }))).map(told)).toEqual(['closed completed@4'])
  })

  it('with follow: completed after the last event, and nothing after it', async () => {
    const stream = scene.observe({ follow })
    expect(await nextOf(stream)).toBe('1')
    const second = nextOf(stream)
    await scene.finish()
    expect(await second).toBe('2')
    expect(await nextOf(stream)).toBe('closed completed@2')
    expect(await nextOf(stream)).toBe('done')
    expect(await nextOf(stream)).toBe('done')
    expect(scene.clock.sleeping).toBe(0)
  })

  it('completed also where the end came without an event', async () => {
    const stream = scene.observe({ cursor: '1', follow })
    const end = nextOf(stream)
    await settled()
    await scene.store.commit({ deploymentId: scene.id, guards: [], set: { status: 'failed' } })
    expect(await end).toBe('closed completed@1')
  })

  it('aborted at once, also in the middle of a wait, a page or a read that hangs', async () => {
    await scene.append(5)
    for (const given of ['wait', 'page', 'read'] as const) {
      const abort = new AbortController()
      const slow = given === 'read' ? store({ readEvents: () => new Promise(() => {}) }) : scene.store
      const stream = scene.observe({ follow, signal: abort.signal, cursor: '2' }, scene.runtime(slow))
      if (given !== 'read') expect(await nextOf(stream)).toBe('3')
      if (given === 'wait') for (const cursor of ['4', '5', '6']) expect(await nextOf(stream)).toBe(cursor)
      const end = given === 'page' ? null : nextOf(stream)
      await settled()
      abort.abort()
      const at = { wait: '6', page: '3', read: '2' }[given]
      expect(await (end ?? nextOf(stream))).toBe(`closed aborted@${at}`)
      expect(await nextOf(stream)).toBe('done')
      expect(scene.clock.sleeping).toBe(0)
    }
  })

  it('aborted where the signal was aborted before', async () => {
    expect((await collected(scene.observe({ follow, signal: AbortSignal.abort() }))).map(told)).toEqual([
      'closed aborted@0',
    ])
  })

  it('source-ended when the deployment is removed, or the engine closed', async () => {
    const runtime = scene.runtime()
    const closed = scene.observe({ follow, cursor: '1' }, runtime)
    const removed = scene.observe({ follow, cursor: '1' })
    const ends = [nextOf(closed), nextOf(removed)]
    await settled()
    runtime.feed.close()
    expect(await ends[0]).toBe('closed source-ended@1')
    await scene.store.removeResource('res_web', { deployments: true })
    expect(await ends[1]).toBe('closed source-ended@1')
  })

  it('source-ended, not an error, when the store of a closed engine does not answer any more', async () => {
    const closed = vi.fn(scene.store.readEvents)
    const runtime = scene.runtime(store({ readEvents: closed }))
    const stream = scene.observe({ follow, cursor: '1' }, runtime)
    const end = nextOf(stream)
    await settled()
    closed.mockRejectedValue(new AppaloftError('store-unavailable'))
    runtime.feed.close()
    expect(await end).toBe('closed source-ended@1')
    expect(scene.clock.monotonic()).toBe(0)
  })
})

describe('return', () => {
  it('in the middle of a pending next ends both at once, and the subscription', async () => {
    for (const hangs of [false, true]) {
      const { count, subscribe } = subscriptions()
      const counting = store({
        subscribe,
        ...(hangs ? { readEvents: () => new Promise(() => {}) } : {}),
      })
      const stream = scene.observe({ follow, cursor: '1' }, scene.runtime(counting))
      const pending = nextOf(stream)
      await settled()
      expect(count.open).toBe(1)
      expect(await stream.return?.()).toEqual({ done: true, value: undefined })
      expect(await pending).toBe('done')
      expect(await nextOf(stream)).toBe('done')
      expect(count.open).toBe(0)
      await settled()
      expect(scene.clock.sleeping).toBe(0)
    }
  })

  it('before the first next ends the subscription too', async () => {
    const { count, subscribe } = subscriptions()
    const stream = scene.observe({ follow }, scene.runtime(store({ subscribe })))
    expect(count.open).toBe(1)
    await stream.return?.()
    expect(count.open).toBe(0)
    expect(await nextOf(stream)).toBe('done')
  })

  it('leaves no listener on a signal that outlives the stream', async () => {
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    for await (const one of scene.observe({ follow, signal })) if (one.kind === 'event') break
    await collected(scene.observe({ signal }))
    expect(added).toHaveBeenCalledTimes(2)
    for (const [, listener] of added.mock.calls) expect(removed.mock.calls.map((call) => call[1])).toContain(listener)
  })
})

describe('next', () => {
  it('called twice at once answers in order', async () => {
    await scene.append(1)
    const stream = scene.observe({ follow })
    const answers = Promise.all([1, 2, 3, 4, 5].map(() => nextOf(stream)))
    await settled()
    await scene.finish()
    expect(await answers).toEqual(['1', '2', '3', 'closed completed@3', 'done'])
  })

  it('subscribes when events is called: what comes before the first next wakes it', async () => {
    const { count, subscribe } = subscriptions()
    const stream = scene.observe({ follow, cursor: '1' }, scene.runtime(store({ subscribe })))
    expect(count.open).toBe(1)
    await scene.append(1)
    expect(await nextOf(stream)).toBe('2')
    await stream.return?.()
  })

  it('replays page after page without waiting for news', async () => {
    await scene.append(1_999)
    const stream = scene.observe({ follow })
    for (let at = 1; at <= 2_000; at += 1) expect(await nextOf(stream)).toBe(`${at}`)
    await stream.return?.()
  })

  it('replay meets live without loss or repetition, however writes and reads interleave', async () => {
    const stream = scene.observe({ follow, heartbeatSeconds: 0 })
    const seen: Envelope[] = []
    const reading = (async () => {
      for await (const one of stream) {
        seen.push(one)
        if (Number(told(one)) % 7 === 0) await settled()
      }
    })()
    for (let i = 0; i < 400; i += 1) {
      await scene.append(1 + (i % 3))
      if (i % 5 === 0) await settled()
    }
    await scene.finish()
    await reading
    const { last } = await scene.store.readEvents(scene.id, { limit: 0 })
    expect(seen.map(told)).toEqual([...Array.from({ length: last }, (_, i) => `${i + 1}`), `closed completed@${last}`])
  })
})

describe('a gap', () => {
  it('pruned: once, where history was gone before the stream began', async () => {
    await scene.append(9)
    await scene.store.pruneEvents(scene.id, 6)
    const [gap, ...rest] = await collected(scene.observe({ cursor: '2' }))
    expect(gap).toEqual({ kind: 'gap', from: '2', to: '6', reason: 'pruned', recommendedAction: 'show-deployment' })
    expect(rest.map(told)).toEqual(['7', '8', '9', '10', 'closed source-ended@10'])
    expect((await collected(scene.observe({ cursor: '6' }))).map(told)).toEqual([...rest.map(told)])
  })

  it('slow-consumer: once, where history went while the consumer was busy', async () => {
    const stream = scene.observe({ follow })
    expect(await nextOf(stream)).toBe('1')
    await scene.append(600)
    expect(await nextOf(stream)).toBe('2')
    await scene.store.pruneEvents(scene.id, 590)
    let told = ''
    // What was read before is still given.
    for (let at = 3; told === ''; at += 1) {
      const one = await nextOf(stream)
      if (one !== `${at}`) told = one
    }
    expect(told).toMatch(/^gap \d+-590 slow-consumer$/)
    for (let at = 591; at <= 601; at += 1) expect(await nextOf(stream)).toBe(`${at}`)
    await scene.finish()
    expect(await nextOf(stream)).toBe('602')
    expect(await nextOf(stream)).toBe('closed completed@602')
  })

  it('discontinuity: once, where the cursor is beyond the end of the store', async () => {
    await scene.append(2)
    const all = await collected(scene.observe({ cursor: '9' }))
    expect(all[0]).toMatchObject({ recommendedAction: 'reopen' })
    expect(all.map(told)).toEqual(['gap 9-3 discontinuity', 'closed source-ended@3'])
    await scene.store.pruneEvents(scene.id, 3)
    expect((await collected(scene.observe({ cursor: '9' }))).map(told)).toEqual([...all.map(told)])
  })

  it('of everything, the end included, still closes as completed', async () => {
    await scene.finish()
    await scene.store.pruneEvents(scene.id, 2)
    expect((await collected(scene.observe({ follow }))).map(told)).toEqual(['gap 0-2 pruned', 'closed completed@2'])
  })
})

describe('time', () => {
  it('a heartbeat each so many seconds while nothing happens, with the cursor', async () => {
    const stream = scene.observe({ follow, heartbeatSeconds: 5 })
    expect(await nextOf(stream)).toBe('1')
    let next = stream.next()
    await scene.clock.advance(4_999)
    await scene.append(1)
    expect(told((await next).value)).toBe('2')
    next = stream.next()
    await scene.clock.advance(4_999)
    expect(scene.clock.sleeping).toBe(1)
    await scene.clock.advance(1)
    const { value } = await next
    expect(value).toEqual({ kind: 'heartbeat', at: new Date(scene.clock.now()).toISOString(), cursor: '2' })
    next = stream.next()
    await scene.clock.advance(5_000)
    expect(told((await next).value)).toBe('heartbeat@2')
    await stream.return?.()
  })

  it('by default each 15 seconds; with 0 never', async () => {
    const [beats, silent] = [
      scene.observe({ follow, cursor: '1' }),
      scene.observe({ follow, cursor: '1', heartbeatSeconds: 0 }),
    ]
    const [beat, nothing] = [nextOf(beats), nextOf(silent)]
    await scene.clock.advance(15_000)
    expect(await beat).toBe('heartbeat@1')
    await scene.clock.advance(3_600_000)
    await silent.return?.()
    await beats.return?.()
    expect(await nothing).toBe('done')
  })

  it('idle-timeout: so long without an event, heartbeats are none', async () => {
    const stream = scene.observe({ follow, heartbeatSeconds: 2, idleTimeoutSeconds: 5 })
    const all = collected(stream)
    await scene.clock.advance(4_000)
    await scene.append(1)
    await scene.clock.advance(4_999)
    await scene.clock.advance(1)
    const heartbeats = (cursor: number) => Array(2).fill(`heartbeat@${cursor}`)
    expect((await all).map(told)).toEqual(['1', ...heartbeats(1), '2', ...heartbeats(2), 'closed idle-timeout@2'])
    expect(scene.clock.monotonic()).toBe(9_000)
  })

  it('of a consumer that was away does not count as idle', async () => {
    const stream = scene.observe({ follow, heartbeatSeconds: 0, idleTimeoutSeconds: 5 })
    expect(await nextOf(stream)).toBe('1')
    await scene.clock.advance(60_000)
    const end = stream.next()
    await scene.clock.advance(4_999)
    await scene.append(1)
    expect(told((await end).value)).toBe('2')
    await stream.return?.()
  })

  it('an idle stream asks the store little, and not at all between its signs of life', async () => {
    const readEvents = vi.fn(scene.store.readEvents)
    const getDeployment = vi.fn(scene.store.getDeployment)
    const asked = () => readEvents.mock.calls.length + getDeployment.mock.calls.length
    const runtime = scene.runtime(store({ readEvents, getDeployment }))
    const stream = scene.observe({ follow, cursor: '1', heartbeatSeconds: 15 }, runtime)
    const all = collected(stream)
    await scene.clock.advance(14_999)
    expect(asked()).toBeLessThanOrEqual(2)
    await scene.clock.advance(3_600_000)
    expect(asked()).toBeLessThanOrEqual(2 + 2 * 241)
    await stream.return?.()
    await all
  })
})

describe('a store that fails', () => {
  const away = () => Promise.reject(new AppaloftError('store-unavailable'))

  it('for a moment ends no stream', async () => {
    let left = 0
    const shaky = store({ readEvents: (...input) => (left-- > 0 ? away() : scene.store.readEvents(...input)) })
    const stream = scene.observe({ follow }, scene.runtime(shaky))
    expect(await nextOf(stream)).toBe('1')
    left = 5
    const next = nextOf(stream)
    await scene.append(1)
    await scene.clock.advance(5_000)
    expect(await next).toBe('2')
    await stream.return?.()
  })

  it('for long is told once, and nothing after it', async () => {
    const stream = scene.observe({ follow }, scene.runtime(store({ readEvents: away })))
    const all = collected(stream)
    await scene.clock.advance(9_000)
    expect(scene.clock.sleeping).toBe(1)
    await scene.clock.advance(3_000)
    expect((await all).map(told)).toEqual(['error store-unavailable'])
    expect(await nextOf(stream)).toBe('done')
    expect(scene.clock.sleeping).toBe(0)
  })

  it('and will not recover is told at once', async () => {
    const broken = store({
      readEvents: () => Promise.reject(new AppaloftError('store-corrupt', { message: 'event 1 cannot be read' })),
    })
    const [error, ...rest] = await collected(scene.observe({ follow }, scene.runtime(broken)))
    expect(error).toMatchObject({ kind: 'error', error: { code: 'store-corrupt', message: 'event 1 cannot be read' } })
    expect(rest).toEqual([])
    const odd = scene.runtime(store({ getDeployment: () => Promise.reject(new Error('no')) }))
    expect((await collected(scene.observe({}, odd))).map(told)).toEqual(['1', 'error internal-error'])
  })

  it('does not keep an abort waiting', async () => {
    const abort = new AbortController()
    const stream = scene.observe({ follow, signal: abort.signal }, scene.runtime(store({ readEvents: away })))
    const end = nextOf(stream)
    await scene.clock.advance(100)
    abort.abort()
    expect(await end).toBe('closed aborted@0')
  })
})

describe('misuse', () => {
  it.each([
    [{ heartbeatSeconds: -1 }, 'heartbeatSeconds'],
    [{ heartbeatSeconds: Number.NaN }, 'heartbeatSeconds'],
    [{ idleTimeoutSeconds: -0.5 }, 'idleTimeoutSeconds'],
    [{ idleTimeoutSeconds: Number.POSITIVE_INFINITY }, 'idleTimeoutSeconds'],
    [{ heartbeatSeconds: '5' }, 'heartbeatSeconds'],
    [{ follow: 'yes' }, 'follow'],
    [{ signal: {} }, 'signal'],
    [{ cursor: 4 }, 'cursor'],
    [{ sinse: '4' }, 'sinse'],
  ])('%j is refused, and subscribes to nothing', async (options, field) => {
    const { count, subscribe } = subscriptions()
    const runtime = scene.runtime(store({ subscribe }))
    const stream = scene.observe({ follow, ...options } as EventsOptions, runtime)
    await expect(stream.next()).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining(field),
    })
    expect(await nextOf(stream)).toBe('done')
    expect(count.ever).toBe(0)
  })

  it.each(['', ' 1', '01', '-1', '1.5', '1e3', 'abc', '9'.repeat(17), '٣'])(
    'the cursor %j is refused',
    async (cursor) => {
      await expect(scene.observe({ cursor }).next()).rejects.toMatchObject({ code: 'cursor-invalid' })
    },
  )

  it('a deployment that does not exist is refused, and leaves no subscription', async () => {
    const { count, subscribe } = subscriptions()
    const empty: Store = { ...memoryStore(), subscribe }
    const stream = scene.observe({ follow }, scene.runtime(empty))
    await expect(stream.next()).rejects.toMatchObject({ code: 'deployment-not-found' })
    expect(await nextOf(stream)).toBe('done')
    expect(count).toEqual({ open: 0, ever: 1 })
  })
})
