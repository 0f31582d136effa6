import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Appaloft, type Envelope, memoryStore, type Store } from '@appaloft/core'
import { sqlite } from '@appaloft/store-sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { appendLines, engineOn, heldAttempt } from '../../test/attempt.js'

const soak = process.env.APPALOFT_SOAK === '1'
/** A prime, so that reconnects fall on every place of a page. */
const every = soak ? 1 : 97

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-observed-'))
})
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }))

const collected = async (stream: AsyncIterable<Envelope>) => {
  const all: Envelope[] = []
  for await (const one of stream) all.push(one)
  return all
}

/** Everything, by an observer that is cut after so many events and comes again with the cursor that it had. */
async function reconnecting({ deployments }: Appaloft, id: string, events: number, follow: boolean) {
  const all: Envelope[] = []
  let cuts = 0
  let cursor: string | undefined
  for (;;) {
    const stream = deployments.events(id, { follow, ...(cursor === undefined ? {} : { cursor }) })
    for (let taken = 0; taken < events; taken += 1) {
      const { value } = await stream.next()
      if (value.kind === 'heartbeat') continue
      all.push(value)
      if (value.kind === 'closed') return { all, cuts }
      cursor = value.cursor
    }
    await stream.return?.()
    cuts += 1
  }
}

describe.each(['memory', 'sqlite'])('10,000 events of a deployment, %s', { timeout: 1_200_000 }, (kind) => {
  const shared = memoryStore()
  const open = (): Store => (kind === 'memory' ? shared : sqlite({ path: join(folder, 'appaloft.db') }))
  let id = ''
  let whole: Envelope[] = []
  let live: Awaited<ReturnType<typeof reconnecting>>

  beforeAll(async () => {
    // In 40 batches, so that observers meet the end of what there is again and again.
    const engine = engineOn(open(), folder, async (input) => {
      for (let i = 0; i < 10_000; i += 1) {
        if (i % 250 === 0) await sleep(10)
        input.log({ stream: i % 3 === 0 ? 'stderr' : 'stdout', text: `line ${i}` })
      }
      return { artifact: {}, cached: false }
    })
    const handle = await engine.create()
    id = handle.id
    live = await reconnecting(engine.appaloft, id, every, true)
    expect((await handle.done).status).toBe('succeeded')
    whole = await collected(engine.appaloft.deployments.events(id))
    await engine.appaloft.close()
    await engine.world.close()
  }, 600_000)

  it('are told without a hole, and each line once', () => {
    const events = whole.flatMap((one) => (one.kind === 'event' ? [one.event] : []))
    expect(events.length).toBeGreaterThan(10_000)
    expect(events.map((one) => one.sequence)).toEqual(events.map((_, i) => i + 1))
    const lines = events.filter((one) => one.type === 'log').map((one) => one.message)
    expect(lines).toEqual(Array.from({ length: 10_000 }, (_, i) => `line ${i}`))
    expect(whole.at(-1)).toEqual({ kind: 'closed', reason: 'completed', cursor: String(events.length) })
  })

  it('are the same for an observer that reconnected again and again while they happened', () => {
    console.log(`${kind}: ${live.cuts} reconnects while it ran`)
    expect(live.cuts).toBe(Math.floor((whole.length - 1) / every))
    expect(live.all).toEqual(whole)
  })

  it('are the same for an observer that reconnects to another engine after the first is gone', async () => {
    const other = engineOn(open(), folder)
    const { all, cuts } = await reconnecting(other.appaloft, id, every, false)
    console.log(`${kind}: ${cuts} reconnects afterwards`)
    expect(all).toEqual(whole)
    await other.appaloft.close()
    await other.world.close()
  })

  it('once pruned, are one gap and the rest, from wherever one begins', async () => {
    const store = open()
    const other = engineOn(store, folder)
    const { last } = await store.readEvents(id, { limit: 0 })
    for (const mark of [1, 777, last - 500, last]) {
      await store.pruneEvents(id, mark)
      for (let cursor = 0; cursor <= last; cursor += 970) {
        const [first, ...rest] = await collected(other.appaloft.deployments.events(id, { cursor: String(cursor) }))
        const gap = { kind: 'gap', from: String(cursor), to: String(mark), reason: 'pruned' }
        if (cursor < mark) expect(first).toEqual({ ...gap, recommendedAction: 'show-deployment' })
        const told = cursor < mark ? rest : [first, ...rest]
        expect(told).toEqual(whole.slice(Math.max(cursor, mark)))
      }
    }
    await other.appaloft.close()
    await other.world.close()
  })
})

it(`${soak ? '1,000,000' : '50,000'} events are replayed from SQLite without a hole`, async () => {
  const count = soak ? 1_000_000 : 50_000
  const store = sqlite({ path: join(folder, 'many.db') })
  const { appaloft, handle, letGo, world } = await heldAttempt(store, folder)
  for (let done = 0; done < count; done += 1_000)
    await appendLines(
      store,
      handle.id,
      Array.from({ length: 1_000 }, (_, i) => `line ${done + i}`),
    )
  letGo()
  await handle.done
  const { last } = await store.readEvents(handle.id, { limit: 0 })
  expect(last).toBeGreaterThan(count)
  const began = performance.now()
  let sequence = 0
  let line = 0
  let end: Envelope | undefined
  for await (const envelope of appaloft.deployments.events(handle.id)) {
    end = envelope
    if (envelope.kind !== 'event') continue
    sequence += 1
    if (envelope.event.sequence !== sequence || envelope.cursor !== String(sequence))
      throw new Error(`${envelope.event.sequence} came instead of ${sequence}`)
    if (envelope.event.message === `line ${line}`) line += 1
  }
  console.log(`${sequence} events replayed, ${Math.round((1000 * sequence) / (performance.now() - began))} a second`)
  expect(sequence).toBe(last)
  expect(line).toBe(count)
  expect(end).toEqual({ kind: 'closed', reason: 'completed', cursor: String(last) })
  await appaloft.close()
  await world.close()
}, 3_600_000)
