import type { EventsOptions } from '../spec/api.js'
import type { Clock } from '../spec/clock.js'
import { AppaloftError } from '../spec/errors.js'
import { cursorOf, type Envelope } from '../spec/events.js'
import { isTerminal } from '../spec/phases.js'
import { toAppaloftError } from './errors.js'
import type { Runtime } from './runtime.js'

const page = 500

/** Replay, then live, from the store alone: a consumer that is slow or stuck reads later and delays nobody. Subscribes when called. */
export function observe(
  runtime: Runtime,
  deploymentId: string,
  options: EventsOptions = {},
): AsyncIterableIterator<Envelope> {
  const bell = new Bell()
  const unsubscribe = options.follow ? runtime.store.subscribe(() => bell.ring()) : () => {}
  const inner = envelopes(runtime, deploymentId, options, bell)
  const end = () => {
    unsubscribe()
    bell.ring()
  }
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      const result = await inner.next()
      if (result.done) end()
      return result
    },
    async return() {
      end()
      await inner.return(undefined)
      return { done: true, value: undefined }
    },
  }
}

class Bell {
  private rung = false
  private waiting: AbortController | undefined

  ring(): void {
    this.rung = true
    this.waiting?.abort()
  }

  /** Resolves at the next ring (or at once, when one came since the last wait), after the time, or on abort. The wait keeps the process alive. */
  async wait(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.rung && !signal?.aborted) {
      const waiting = new AbortController()
      this.waiting = waiting
      const onAbort = () => waiting.abort()
      signal?.addEventListener('abort', onAbort, { once: true })
      await clock.sleep(ms, { signal: waiting.signal }).catch(() => undefined)
      signal?.removeEventListener('abort', onAbort)
    }
    this.rung = false
    this.waiting = undefined
  }
}

function sequenceOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0
  if (!/^(?:0|[1-9]\d{0,14})$/.test(cursor))
    throw new AppaloftError('cursor-invalid', { details: { cursor: cursor.slice(0, 64) } })
  return Number(cursor)
}

async function* envelopes(runtime: Runtime, id: string, options: EventsOptions, bell: Bell): AsyncGenerator<Envelope> {
  const { clock, store } = runtime
  const heartbeat = (options.heartbeatSeconds ?? 15) * 1000
  const idle = (options.idleTimeoutSeconds ?? 0) * 1000
  // Misuse is thrown, so that a caller cannot overlook it; what fails later is an envelope.
  let after = sequenceOf(options.cursor)
  if ((await store.getDeployment(id)) === null)
    throw new AppaloftError('deployment-not-found', {
      message: `There is no deployment ${id}.`,
      details: { deploymentId: id },
    })
  try {
    let lastEvent = clock.monotonic()
    let lastSign = lastEvent
    for (;;) {
      if (options.signal?.aborted) return yield { kind: 'closed', reason: 'aborted', cursor: cursorOf(after) }
      // The status is read before the events: an end that is seen has all its events before it.
      const record = await store.getDeployment(id)
      const read = await store.readEvents(id, { after, limit: page })
      if (after > read.last) {
        yield {
          kind: 'gap',
          from: cursorOf(after),
          to: cursorOf(read.last),
          reason: 'discontinuity',
          recommendedAction: 'reopen',
        }
        after = read.last
      } else if (after < read.prunedThrough) {
        yield {
          kind: 'gap',
          from: cursorOf(after),
          to: cursorOf(read.prunedThrough),
          reason: 'pruned',
          recommendedAction: 'show-deployment',
        }
        after = read.prunedThrough
        continue
      }
      for (const event of read.events) {
        after = event.sequence
        yield { kind: 'event', cursor: cursorOf(after), event }
        if (options.signal?.aborted) return yield { kind: 'closed', reason: 'aborted', cursor: cursorOf(after) }
      }
      if (read.events.length > 0) {
        lastEvent = clock.monotonic()
        lastSign = lastEvent
        if (after < read.last || read.events.length === page) continue
      }
      const ended = record === null || isTerminal(record.status)
      if (ended) return yield { kind: 'closed', reason: 'completed', cursor: cursorOf(after) }
      if (!options.follow) return yield { kind: 'closed', reason: 'source-ended', cursor: cursorOf(after) }
      const now = clock.monotonic()
      if (idle > 0 && now - lastEvent >= idle)
        return yield { kind: 'closed', reason: 'idle-timeout', cursor: cursorOf(after) }
      if (heartbeat > 0 && now - lastSign >= heartbeat) {
        lastSign = now
        yield { kind: 'heartbeat', at: runtime.now(), cursor: cursorOf(after) }
      }
      const waits = [
        60_000,
        ...(heartbeat > 0 ? [lastSign + heartbeat - now] : []),
        ...(idle > 0 ? [lastEvent + idle - now] : []),
      ]
      await bell.wait(clock, Math.max(10, Math.min(...waits)), options.signal)
    }
  } catch (error) {
    yield { kind: 'error', error: toAppaloftError(error).toJSON() }
  }
}
