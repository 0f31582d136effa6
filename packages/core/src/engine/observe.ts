import { unlessAborted } from '../spec/aborting.js'
import type { EventsOptions } from '../spec/api.js'
import { AppaloftError, hasCode } from '../spec/errors.js'
import { cursorOf, type Envelope } from '../spec/events.js'
import { isTerminal } from '../spec/phases.js'
import type { EventsRead } from '../spec/store.js'
import { Bell } from './bell.js'
import { toAppaloftError } from './errors.js'
import { eventsOptions, type Observed } from './observe-options.js'
import type { Runtime } from './runtime.js'
import { linked, stoppable } from './stoppable.js'

/** So many events are in memory for a consumer that is stuck. */
const page = 250
/** Without any wake-up the store is looked at all the same. */
const longestWaitMs = 60_000
/** A store that is away for so long is given up. */
const patienceMs = 10_000

/** Replay, then live, from the store alone: a consumer that is slow or stuck reads later and delays nobody. Subscribes when called. */
export function observe(
  runtime: Runtime,
  deploymentId: string,
  options: EventsOptions = {},
): AsyncIterableIterator<Envelope> {
  return stoppable((stopped) => {
    const observed = eventsOptions(options)
    const bell = new Bell()
    if (observed.follow) {
      const leave = runtime.feed.subscribe(deploymentId, () => bell.ring())
      stopped.addEventListener('abort', leave, { once: true })
    }
    return envelopes(runtime, deploymentId, observed, bell, linked(stopped, observed.signal))
  })
}

async function* envelopes(
  runtime: Runtime,
  id: string,
  { after, follow, heartbeatMs, idleMs }: Observed,
  bell: Bell,
  signal: AbortSignal,
): AsyncGenerator<Envelope> {
  const { clock, feed, store } = runtime
  const closed = (reason: Extract<Envelope, { kind: 'closed' }>['reason']): Envelope => ({
    kind: 'closed',
    reason,
    cursor: cursorOf(after),
  })
  let begun = false
  let woken = false
  let ended = false
  let lastEvent = clock.monotonic()
  let lastSign = lastEvent
  try {
    for (;;) {
      const read = await patiently(runtime, signal, () =>
        woken ? feed.news(id, after, page) : store.readEvents(id, { after, limit: page }),
      )
      woken = false
      const gap = gapOf(after, read, begun)
      begun = true
      if (gap !== null) {
        after = gap.to
        yield { ...gap, from: cursorOf(gap.from), to: cursorOf(gap.to) }
        signal.throwIfAborted()
        continue
      }
      for (const event of read.events) {
        after = event.sequence
        yield { kind: 'event', cursor: cursorOf(after), event }
        signal.throwIfAborted()
      }
      const last = read.events.at(-1)
      if (last?.type === 'deployment-finished') return yield closed('completed')
      if (last === undefined) {
        if (ended) return yield closed('completed')
        const record = await patiently(runtime, signal, () => store.getDeployment(id))
        ended = record !== null && isTerminal(record.status)
        // Its last events may have come between the two reads.
        if (ended || record === null) continue
      } else {
        lastEvent = clock.monotonic()
        lastSign = lastEvent
        if (after < read.last || !follow) continue
      }
      if (!follow || feed.closed) return yield closed('source-ended')
      const now = clock.monotonic()
      if (idleMs > 0 && now - lastEvent >= idleMs) return yield closed('idle-timeout')
      if (heartbeatMs > 0 && now - lastSign >= heartbeatMs) {
        lastSign = now
        yield { kind: 'heartbeat', at: runtime.now(), cursor: cursorOf(after) }
        signal.throwIfAborted()
      }
      const dues = [
        ...(heartbeatMs > 0 ? [lastSign + heartbeatMs - now] : []),
        ...(idleMs > 0 ? [lastEvent + idleMs - now] : []),
      ]
      woken = await bell.wait(clock, Math.max(10, Math.min(longestWaitMs, ...dues)), signal)
      signal.throwIfAborted()
    }
  } catch (error) {
    if (signal.aborted) return yield closed('aborted')
    // Removed meanwhile, or this engine was closed.
    const gone = hasCode(error, 'deployment-not-found')
    if (begun && (gone || feed.closed)) return yield closed('source-ended')
    if (!gone) return yield { kind: 'error', error: toAppaloftError(error).toJSON() }
    // Misuse is thrown, so that a caller cannot overlook it.
    throw new AppaloftError('deployment-not-found', {
      message: `There is no deployment ${id}.`,
      details: { deploymentId: id },
    })
  }
}

/** What cannot be told any more: it was pruned before this stream, or while its consumer was busy, or the store has begun anew. */
function gapOf(after: number, { last, prunedThrough }: EventsRead, begun: boolean) {
  if (after > last)
    return { kind: 'gap', from: after, to: last, reason: 'discontinuity', recommendedAction: 'reopen' } as const
  if (after >= prunedThrough) return null
  const reason = begun ? 'slow-consumer' : 'pruned'
  return { kind: 'gap', from: after, to: prunedThrough, reason, recommendedAction: 'show-deployment' } as const
}

/** A store that is away for a moment ends no stream. */
async function patiently<T>(runtime: Runtime, signal: AbortSignal, read: () => Promise<T>): Promise<T> {
  const { clock, feed } = runtime
  const began = clock.monotonic()
  for (let wait = 50; ; wait = Math.min(wait * 2, 1000)) {
    try {
      signal.throwIfAborted()
      return await unlessAborted(read(), signal)
    } catch (error) {
      const late = feed.closed || clock.monotonic() - began >= patienceMs
      if (signal.aborted || late || !hasCode(error, 'store-unavailable')) throw error
    }
    await clock.sleep(wait, { signal })
  }
}
