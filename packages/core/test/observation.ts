import { fakeTarget, sampleDeployment, sampleEvent, sampleHolder, sampleId } from '@appaloft/testkit'
import { observe } from '../src/engine/observe.js'
import { createRuntime } from '../src/engine/runtime.js'
import { type Envelope, type EventsOptions, memoryStore, type NewEvent, type Status, type Store } from '../src/index.js'
import { VirtualClock } from './virtual-clock.js'

/** A deployment in a store, and those who observe it: no engine runs, the test writes the events. */
export class Observatory {
  readonly clock = new VirtualClock()
  readonly id = sampleId('dep', 1)
  private constructor(readonly store: Store) {}

  static async open(store: Store = memoryStore()): Promise<Observatory> {
    const made = new Observatory(store)
    await store.createDeployment({
      record: sampleDeployment({ id: made.id }),
      holder: sampleHolder(),
      events: [sampleEvent('1')],
    })
    return made
  }

  /** An engine's parts of its own, as another process has them. `store`: as this observer sees it. */
  runtime(store: Store = this.store) {
    return createRuntime({ store, targets: [fakeTarget()], planners: [], clock: this.clock }, async () => null)
  }

  observe(options: EventsOptions = {}, runtime = this.runtime()): AsyncIterableIterator<Envelope> {
    return observe(runtime, this.id, options)
  }

  /** Appends so many; each says its sequence. */
  async append(count = 1, set?: { status: Status }): Promise<void> {
    const { last } = await this.store.readEvents(this.id, { limit: 0 })
    const events = Array.from({ length: count }, (_, i): NewEvent => sampleEvent(String(last + 1 + i)))
    await this.store.commit({ deploymentId: this.id, guards: [], events, durable: false, ...(set ? { set } : {}) })
  }

  async finish(): Promise<void> {
    const { at } = sampleEvent()
    await this.store.commit({
      deploymentId: this.id,
      guards: [],
      set: { status: 'failed' },
      events: [{ type: 'deployment-finished', at, data: { status: 'failed' } }],
    })
  }
}

export async function collected(stream: AsyncIterable<Envelope>): Promise<Envelope[]> {
  const all: Envelope[] = []
  for await (const one of stream) all.push(one)
  return all
}

/** Short: `3` for an event, `heartbeat@3`, `gap 0-2 pruned`, `closed completed@3`, `error CODE`. */
export function told(envelope: Envelope): string {
  switch (envelope.kind) {
    case 'event':
      return envelope.cursor
    case 'heartbeat':
      return `heartbeat@${envelope.cursor}`
    case 'gap':
      return `gap ${envelope.from}-${envelope.to} ${envelope.reason}`
    case 'closed':
      return `closed ${envelope.reason}@${envelope.cursor}`
    case 'error':
      return `error ${envelope.error.code}`
  }
}

/** What one `next` gives, in short; `done` at the end. */
export async function nextOf(stream: AsyncIterator<Envelope>): Promise<string> {
  const { done, value } = await stream.next()
  return done ? 'done' : told(value)
}
