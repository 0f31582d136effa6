import { AppaloftError } from '../../spec/errors.js'
import { reason } from '../../spec/reasons.js'
import type { ReleaseRecord } from '../../spec/release.js'
import { type Attempt, pause } from '../attempt.js'
import { usesProxy } from '../routes.js'
import { previousRef, releaseInput } from './execute.js'

/** In-flight requests of former releases finish, bounded by `drainSeconds`; then they are stopped. A failure is a warning. */
export async function drain(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const {
    target,
    runtime,
    record: { resourceId },
  } = attempt
  const previous = previousRef(attempt)
  await attempt.commit({
    set: { drain: 'running', journal: { step: 'drain', state: 'intended', data: {} } },
    events: [attempt.event({ type: 'step-started', phase: 'verify', step: 'drain' })],
  })
  let outcome: 'done' | 'failed' = 'done'
  try {
    await target.promoted?.(await releaseInput(attempt, release, new AbortController().signal, 'promote'), previous)
    const old = (await target.list(resourceId)).filter((one) => one.deploymentId !== attempt.id)
    const began = runtime.clock.monotonic()
    const limit = release.plan.network.drainSeconds * 1000
    for (const one of old) {
      while (target.proxy?.capabilities.inFlight && usesProxy(release.plan)) {
        attempt.signal.throwIfAborted()
        const { inFlight } = await target.proxy.observe(resourceId)
        const open = inFlight.find((each) => each.deploymentId === one.deploymentId)?.count ?? 0
        if (open === 0 || runtime.clock.monotonic() - began >= limit) break
        await pause(50, attempt.signal)
      }
      attempt.signal.throwIfAborted()
      await target.proxy?.cut?.(resourceId, one.deploymentId, attempt.token)
      await target.stop(one, attempt.token)
      await target.remove(one, attempt.token)
      await attempt.commit({
        events: [
          attempt.event({
            type: 'release-drained',
            phase: 'verify',
            step: 'drain',
            data: {
              deploymentId: one.deploymentId,
              releaseId: one.releaseId,
              seconds: Math.round(runtime.clock.monotonic() - began) / 1000,
            },
          }),
        ],
      })
    }
  } catch (error) {
    attempt.signal.throwIfAborted()
    if (AppaloftError.isInstance(error) && (error.code === 'lease-lost' || error.code === 'fenced')) throw error
    outcome = 'failed'
    const warning = reason('drain-failed', {
      phase: 'verify',
      message: `The former release was not drained: ${error instanceof Error ? error.message : String(error)}`,
    })
    await attempt.commit({
      set: { warnings: [...attempt.record.warnings, warning] },
      events: [
        attempt.event({
          type: 'warning',
          level: 'warn',
          phase: 'verify',
          message: warning.message,
          data: { code: warning.code },
        }),
      ],
    })
  }
  await attempt.commit({
    set: { drain: outcome, journal: { step: 'drain', state: 'done', data: {} } },
    events: [
      attempt.event({ type: outcome === 'done' ? 'step-succeeded' : 'step-failed', phase: 'verify', step: 'drain' }),
    ],
  })
}
