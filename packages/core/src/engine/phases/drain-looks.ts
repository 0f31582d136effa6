import type { ProxyObservation } from '../../spec/proxy.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { OwnedThing } from '../../spec/target.js'
import type { TargetRecord } from '../../spec/target-records.js'
import type { Attempt } from '../attempt.js'
import { proxyOf, usesProxy } from '../routes.js'
import type { Runtime } from '../runtime.js'

/** What drain and retention need to know. What could not be seen ahead is looked at when it is asked for. */
export interface DrainLooks {
  things(): Promise<OwnedThing[]>
  /** Taken after the promotion: a replaced release without requests gets none any more. Null: there is nothing to count, or nobody who does. */
  requests(): Promise<ProxyObservation | null>
  records(): Promise<TargetRecord[]>
}

/**
 * Sent while access is being checked. Nothing of it changes anything, and nothing of it is about the release that is checked; what it shows of the
 * others is theirs until this attempt, whose machine it is, changes it.
 */
export function lookForDrain({ target, record, runtime }: Attempt, { plan }: ReleaseRecord): DrainLooks {
  const { resourceId, previous } = record
  const { inFlight = false, promotionVisibleMs = 0 } = target.proxy?.capabilities ?? {}
  const counts = inFlight && usesProxy(plan) && previous !== null
  return {
    things: begun(() => target.list(resourceId, { soon: true })),
    requests: counts
      ? later(runtime, promotionVisibleMs, () => proxyOf(target).observe(resourceId))
      : () => Promise.resolve(null),
    records: begun(async () => (await target.records?.list(resourceId)) ?? []),
  }
}

function begun<T>(look: () => Promise<T>): () => Promise<T> {
  const ahead = look()
  // Looked at again by who needs it.
  ahead.catch(() => undefined)
  return () => ahead.catch(look)
}

/** Before the promotion is visible, a replaced release may still get requests. Whoever asks sooner has seen it himself: access has passed. */
function later<T>({ clock }: Runtime, ms: number, look: () => Promise<T>): () => Promise<T> {
  const asked = new AbortController()
  const visible = clock.sleep(ms, { signal: asked.signal, unref: true }).catch(() => undefined)
  const ahead = begun(() => visible.then(look))
  return () => {
    asked.abort()
    return ahead()
  }
}
