import type { Address } from '../../spec/proxy.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { Attempt } from '../attempt.js'
import { lookMs, pauseOf } from './pace.js'
import { type Outcome, probe } from './probe.js'

/** What was found of a candidate while its route was made. */
export interface Early {
  attempts: number
  /** Where it was asked. */
  addresses: readonly Address[]
  /** It answered as it should; null: not yet. */
  answered: Outcome | null
}

/** Asks a candidate how it is while its route is made: the health check begins with what was found. */
export interface Ahead {
  /** Its route is made: no further probe is begun, and one that is under way is waited for. Never rejects. */
  found(): Promise<Early>
  /** Nobody asks for it any more. */
  drop(): void
}

/**
 * Null where a probe would be more than a question, or where nothing asks the candidate itself afterwards: the proxy answers by a redirect.
 * What is not well is only seen here: the check that follows judges it. Nor is its process looked at: that tells something of an answer only
 * where it is asked for after it.
 */
export function lookAhead(attempt: Attempt, release: ReleaseRecord): Ahead | null {
  const { health, network, access } = release.plan
  if (!health.enabled || health.type === 'command' || access.redirectTo !== undefined) return null
  const { target, ref, runtime } = attempt
  const { clock } = runtime
  const dropped = new AbortController()
  const signal = AbortSignal.any([attempt.signal, dropped.signal])
  const port = health.port ?? network.internalPort ?? 80
  const began = clock.monotonic()
  let routed = false
  let attempts = 0
  let addresses: readonly Address[] = []
  const ask = async (): Promise<Outcome | null> => {
    let seenAt = Number.NEGATIVE_INFINITY
    for (;;) {
      attempts++
      if (addresses.length === 0 || clock.monotonic() - seenAt >= lookMs) {
        seenAt = clock.monotonic()
        addresses = (await target.reach(ref, port, { signal, soon: true })).probe
      }
      const outcome = await probe(attempt, release, addresses, signal)
      if (outcome.ok) return outcome
      const elapsed = clock.monotonic() - began
      if (routed || elapsed >= health.startPeriodSeconds * 1000) return null
      await runtime.pause(pauseOf(elapsed), signal)
      if (routed) return null
    }
  }
  const asked = ask().catch(() => null)
  return {
    async found() {
      routed = true
      const answered = await asked
      return { attempts, addresses, answered }
    },
    drop: () => dropped.abort(),
  }
}
