import type { Address } from '../../spec/proxy.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { RunningState } from '../../spec/target.js'
import type { Attempt } from '../attempt.js'
import { lookMs, pauseOf } from './pace.js'
import { type Outcome, probe } from './probe.js'

/** A candidate that was seen to be well. */
interface Passed {
  state: RunningState
  outcome: Outcome
  at: string
}

/** Looks at a candidate's health while its route is made: the health check begins with what they found. */
export interface Ahead {
  /** Its route is made: no further look is begun, and one that is under way is waited for. Never rejects. */
  found(): Promise<{ attempts: number; passed: Passed | null }>
  /** Nobody asks for it any more. */
  drop(): void
}

const isWell = ({ state, instances }: RunningState): boolean =>
  state === 'running' && !instances.some((one) => one.state === 'exited')

/**
 * Null where a look would be more than a question, or where nothing asks the candidate itself afterwards: the proxy answers by a redirect.
 * What is not well is only seen here: the check that follows judges it.
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
  const look = async (): Promise<Passed | null> => {
    let seenAt = Number.NEGATIVE_INFINITY
    let state: RunningState = { state: 'unknown', instances: [] }
    let addresses: readonly Address[] = []
    for (;;) {
      attempts++
      if (addresses.length === 0 || clock.monotonic() - seenAt >= lookMs) {
        seenAt = clock.monotonic()
        const [present, reached] = await Promise.all([
          target.inspect(ref, { signal }),
          target.reach(ref, port, { signal, soon: true }),
        ])
        state = present
        addresses = reached.probe
      }
      const outcome = await probe(attempt, release, addresses, signal)
      // Where the process is gone, somebody else may answer on its port.
      if (outcome.ok && isWell(state) && isWell(await target.inspect(ref, { signal })))
        return { state, outcome, at: runtime.now() }
      const elapsed = clock.monotonic() - began
      if (routed || elapsed >= health.startPeriodSeconds * 1000) return null
      await runtime.pause(pauseOf(elapsed), signal)
      if (routed) return null
    }
  }
  const looked = look().catch(() => null)
  return {
    async found() {
      routed = true
      const passed = await looked
      return { attempts, passed }
    },
    drop: () => dropped.abort(),
  }
}
