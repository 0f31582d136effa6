import { setTimeout as sleep } from 'node:timers/promises'
import { AppaloftError, type Deployment, type Envelope } from '@appaloft/core/spec'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, envelopesOf, example, messagesOf, request, Scene } from '../test/scene.js'
import { prefersEvents } from './routes/events.js'

let scene: Scene
let deployed: Deployment
let all: Envelope[]
beforeAll(async () => {
  scene = await Scene.make()
  deployed = await scene.deployed('serve print=one,two')
  all = []
  for await (const one of scene.engine.deployments.events(deployed.id)) all.push(one)
})
afterAll(() => scene.close())

const sse = { accept: 'text/event-stream' }
const eventsOf = (id: string, query = '') => `/api/deployments/${id}/events${query}`
/** Stays in verification. */
const slow = () =>
  scene.definition('serve listen-after=600000', { id: 'res_slow', health: { path: '/', startPeriodSeconds: 3600 } })
const read = (query = '', headers: Record<string, string> = {}) =>
  ask(scene.handler, 'GET', eventsOf(deployed.id, query), { headers })

describe('JSON lines', () => {
  it('are the envelopes of the engine', async () => {
    const said = await read()
    expect(said.headers.get('content-type')).toBe('application/x-ndjson')
    expect(envelopesOf(said.text)).toEqual(all)
    expect(all.length).toBeGreaterThan(20)
    expect(all.at(-1)).toMatchObject({ kind: 'closed', reason: 'completed' })
  })

  it('cut anywhere and resumed with the cursor of the last whole line are the same', async () => {
    const { text } = await read()
    // Every border of a line, and a byte before and after it; between them a cut is like any other.
    const cuts = [...text.matchAll(/\n/g)].flatMap(({ index }) => [index, index + 1, index + 2, index + 40])
    expect(cuts.length).toBeGreaterThan(80)
    for (const cut of cuts) {
      const whole = envelopesOf(text.slice(0, text.lastIndexOf('\n', cut - 1) + 1)).filter(
        (one) => one.kind === 'event',
      )
      const cursor = whole.at(-1)?.cursor
      const rest = await read(cursor === undefined ? '' : `?cursor=${cursor}`)
      expect([...whole, ...envelopesOf(rest.text)]).toEqual(all)
    }
  })
})

describe('server-sent events', () => {
  it('are the same envelopes with their cursors as ids', async () => {
    const said = await read('', sse)
    expect(said.headers.get('content-type')).toBe('text/event-stream')
    expect(said.headers.get('cache-control')).toBe('no-store')
    expect(said.text).toMatch(/^retry: \d+\n\n/)
    const messages = messagesOf(said.text)
    expect(messages.map((one) => one.envelope)).toEqual(all)
    for (const { id, envelope } of messages.slice(0, -1)) expect(id).toBe('cursor' in envelope && envelope.cursor)
  })

  it('give a client that comes back exactly the rest, wherever it was cut', async () => {
    for (let at = 0; at < all.length; at++) {
      const envelope = all[at]!
      if (envelope.kind !== 'event') continue
      const said = await read('?cursor=0', { ...sse, 'last-event-id': envelope.cursor })
      expect(messagesOf(said.text).map((one) => one.envelope)).toEqual(all.slice(at + 1))
    }
  })

  it('tell a browser that has everything to stay away', async () => {
    const last = messagesOf((await read('', sse)).text).at(-1)?.id ?? ''
    const said = await read('', { ...sse, 'last-event-id': last })
    expect([last, said.status, said.text]).toEqual([`closed-${all.length - 1}`, 204, ''])
    // For JSON lines the same id is a cursor.
    expect(envelopesOf((await read('', { 'last-event-id': last })).text)).toEqual(all.slice(-1))
  })

  it.each([
    ['completed', '', 'closed-7'],
    ['source-ended', '?follow=false', 'closed-7'],
    // The engine was closed: the next one goes on.
    ['source-ended', '', '7'],
    ['idle-timeout', '', '7'],
    ['aborted', '', '7'],
  ] as const)('that close with %s, asked for with %j, have the last id %s', async (reason, query, id) => {
    async function* events(): AsyncIterableIterator<Envelope> {
      yield { kind: 'closed', reason, cursor: '7' }
    }
    const deployments = { ...scene.engine.deployments, events }
    const handler = scene.handle({ authorize: () => ({ allow: true }) }, { ...scene.engine, deployments })
    const said = await ask(handler, 'GET', eventsOf(deployed.id, query), { headers: sse })
    expect(messagesOf(said.text)).toEqual([{ id, envelope: { kind: 'closed', reason, cursor: '7' } }])
  })

  it('follow unless told otherwise', async () => {
    const open = { ...scene.engine.deployments, events: (_: string, options: object) => recorded(options) }
    const seen: object[] = []
    async function* recorded(options: object): AsyncIterableIterator<Envelope> {
      seen.push(options)
      yield { kind: 'closed', reason: 'completed', cursor: '0' }
    }
    const handler = scene.handle({ authorize: () => ({ allow: true }) }, { ...scene.engine, deployments: open })
    const path = eventsOf(deployed.id, '?heartbeatSeconds=0&idleTimeoutSeconds=7')
    await ask(handler, 'GET', path, { headers: sse })
    await ask(handler, 'GET', path)
    await ask(handler, 'GET', `${path}&follow=true&cursor=3`)
    await ask(handler, 'GET', `${path}&follow=false`, { headers: { ...sse, 'last-event-id': '4' } })
    const given = { heartbeatSeconds: 0, idleTimeoutSeconds: 7, signal: expect.any(AbortSignal) }
    expect(seen).toEqual([
      { ...given, follow: true },
      { ...given, follow: false },
      { ...given, follow: true, cursor: '3' },
      { ...given, follow: false, cursor: '4' },
    ])
  })
})

describe('what is refused', () => {
  it.each(['-1', '1.5', '01', 'x', '9'.repeat(16), ''])('the cursor %j', async (cursor) => {
    const inQuery = await read(`?cursor=${cursor}`)
    expect([inQuery.status, inQuery.headers.get('content-type')]).toEqual([400, 'application/problem+json'])
    if (cursor === '') return
    expect(inQuery.json.code).toBe('cursor-invalid')
    for (const id of [cursor, `closed-${cursor}`])
      expect((await read('', { ...sse, 'last-event-id': id })).json.code).toBe('cursor-invalid')
  })

  it.each([
    'follow=1',
    'heartbeatSeconds=-1',
    'heartbeatSeconds=3601',
    'idleTimeoutSeconds=0',
    'from=1',
    'follow=true&follow=true',
  ])('?%s', async (query) => expect((await read(`?${query}`)).json.code).toBe('invalid-input'))

  it('a deployment that does not exist, before anything is sent', async () => {
    const said = await ask(scene.handler, 'GET', eventsOf(example.deployment), { headers: sse })
    expect([said.status, said.json.code]).toEqual([404, 'deployment-not-found'])
  })
})

it.each([
  [null, false],
  ['*/*', false],
  ['text/event-stream', true],
  ['application/x-ndjson', false],
  ['application/x-ndjson, text/event-stream;q=0.5', false],
  ['application/json;q=0.4, text/event-stream;q=0.5', true],
  ['text/event-stream;q=0', false],
  ['text/html, text/event-stream', true],
  [';;;,,,q=', false],
])('Accept: %s prefers server-sent events: %s', (accept, preferred) => {
  expect(prefersEvents(accept)).toBe(preferred)
})

describe('a stream that follows', () => {
  it('crosses from replay to live without loss, through a handler of another engine', async () => {
    const other = scene.another()
    const handler = scene.handle({ authorize: () => ({ allow: true }) }, other)
    const attempt = await scene.engine.deployments.create({ resource: scene.definition('serve print=a,b text=2') })
    const [lines, messages] = await Promise.all([
      ask(handler, 'GET', eventsOf(attempt.id, '?follow=true')),
      ask(handler, 'GET', eventsOf(attempt.id), { headers: sse }),
    ])
    await attempt.done
    const whole = envelopesOf((await ask(scene.handler, 'GET', eventsOf(attempt.id))).text)
    expect(envelopesOf(lines.text)).toEqual(whole)
    expect(messagesOf(messages.text).map((one) => one.envelope)).toEqual(whole)
  })

  it('has heartbeats, and closes when nothing happens', async () => {
    await scene.engine.resources.define(slow())
    const attempt = await scene.engine.deployments.create({ resource: 'res_slow' })
    const query = '?follow=true&heartbeatSeconds=1&idleTimeoutSeconds=2'
    const said = await ask(scene.handler, 'GET', eventsOf(attempt.id, query))
    const kinds = envelopesOf(said.text).map((one) => one.kind)
    expect(kinds).toContain('heartbeat')
    expect(envelopesOf(said.text).at(-1)).toMatchObject({ kind: 'closed', reason: 'idle-timeout' })
    await scene.engine.deployments.cancel(attempt.id)
    await attempt.done
  }, 20_000)
})

/** Events without end, or until a failure; tells how many were asked for and when it was given up. */
function endless(options: { fail?: unknown; size?: number } = {}) {
  const state = { opened: 0, given: 0, ended: false, aborted: false }
  async function* events(_: string, { signal }: { signal?: AbortSignal } = {}): AsyncIterableIterator<Envelope> {
    state.opened += 1
    signal?.addEventListener('abort', () => {
      state.aborted = true
    })
    try {
      for (;;) {
        if (options.fail !== undefined && state.given === 3) throw options.fail
        state.given += 1
        const event = { deploymentId: deployed.id, sequence: state.given, type: 'log' as const, at: '', data: {} }
        yield {
          kind: 'event',
          cursor: String(state.given),
          event: { ...event, message: 'x'.repeat(options.size ?? 100) },
        }
      }
    } finally {
      state.ended = true
    }
  }
  const told: unknown[] = []
  const handler = scene.handle(
    { authorize: () => ({ allow: true }), onError: (error) => told.push(error) },
    { ...scene.engine, deployments: { ...scene.engine.deployments, events } },
  )
  return { state, handler, told }
}

describe('a client', () => {
  it('that does not read asks for nothing', async () => {
    const { state, handler } = endless()
    const answer = await handler(request('GET', eventsOf(deployed.id, '?follow=true')))
    await sleep(20)
    expect(state).toMatchObject({ opened: 0, given: 0 })
    const reader = answer.body!.getReader()
    for (let i = 1; i <= 5; i++) {
      await reader.read()
      await sleep(5)
      expect(state.given).toBe(i)
    }
    await reader.cancel()
    expect(state).toMatchObject({ given: 5, ended: true, aborted: true })
  })

  it('that goes away ends the iterator, also while nothing happens', async () => {
    await scene.engine.resources.define(slow())
    const attempt = await scene.engine.deployments.create({ resource: 'res_slow' })
    let open = 0
    const counted = {
      ...scene.engine.deployments,
      events(...given: Parameters<typeof scene.engine.deployments.events>) {
        const inner = scene.engine.deployments.events(...given)
        open += 1
        const end = () => {
          open -= 1
        }
        return (async function* () {
          try {
            yield* inner
          } finally {
            end()
          }
        })()
      },
    }
    const handler = scene.handle({ authorize: () => ({ allow: true }) }, { ...scene.engine, deployments: counted })
    const gone = new AbortController()
    const bySignal = await handler(request('GET', eventsOf(attempt.id), { headers: sse, signal: gone.signal }))
    const byCancel = await handler(request('GET', eventsOf(attempt.id), { headers: sse }))
    const readers = [bySignal, byCancel].map((one) => one.body!.getReader())
    // Both have read what there is and wait for more.
    const waiting = readers.map(async (reader) => {
      for (;;) if ((await reader.read()).done) return
    })
    await sleep(100)
    expect(open).toBe(2)
    gone.abort()
    await readers[1]!.cancel()
    await Promise.all(waiting)
    await expect.poll(() => open).toBe(0)
    await scene.engine.deployments.cancel(attempt.id)
    await attempt.done
  }, 20_000)

  it('that asks with HEAD opens nothing', async () => {
    const { state, handler } = endless()
    const said = await ask(handler, 'HEAD', eventsOf(deployed.id, '?follow=true'))
    expect([said.status, said.text, state.opened]).toEqual([200, '', 0])
  })

  it.each([
    ['internal-error', new Error('at /srv/secret'), 1],
    ['store-unavailable', new AppaloftError('store-unavailable', { message: '/srv/secret' }), 1],
  ])('is told of a failure on the way as an envelope: %s', async (code, fail, told) => {
    const broken = endless({ fail })
    const said = await ask(broken.handler, 'GET', eventsOf(deployed.id))
    expect(envelopesOf(said.text).map((one) => one.kind)).toEqual(['event', 'event', 'event', 'error'])
    expect(envelopesOf(said.text).at(-1)).toMatchObject({ kind: 'error', error: { code, details: {} } })
    expect(said.text).not.toContain('secret')
    expect(broken.told).toHaveLength(told)
  })

  it('is not told the words of an error envelope of the engine', async () => {
    async function* events(): AsyncIterableIterator<Envelope> {
      const error = new AppaloftError('internal-error', { message: '/srv/secret', details: { at: '/srv/secret' } })
      yield { kind: 'error', error: error.toJSON() }
    }
    const told: unknown[] = []
    const handler = scene.handle(
      { authorize: () => ({ allow: true }), onError: (error) => told.push(error) },
      { ...scene.engine, deployments: { ...scene.engine.deployments, events } },
    )
    const said = await ask(handler, 'GET', eventsOf(deployed.id), { headers: sse })
    expect(messagesOf(said.text)).toMatchObject([
      { id: null, envelope: { kind: 'error', error: { code: 'internal-error' } } },
    ])
    expect(said.text).not.toContain('secret')
    expect(told).toMatchObject([{ message: '/srv/secret' }])
  })
})
