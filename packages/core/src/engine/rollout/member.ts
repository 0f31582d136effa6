import type { Deployment } from '../../spec/deployment.js'
import { AppaloftError } from '../../spec/errors.js'
import type { Target } from '../../spec/target.js'
import type { Attempt } from '../attempt.js'
import type { AttemptHooks } from '../hooks.js'
import type { Runtime } from '../runtime.js'
import { deadline } from '../timing.js'
import type { Conductor } from './conductor.js'
import type { Latch } from './gates.js'
import { holds } from './verdict.js'

/** One target of a rollout that is under way. */
export interface Member {
  target: Target
  deploymentId: string | null
  end: Deployment | null
  /** How far it came: verified; verified once more after it waited; promoted, and access has passed. */
  ready: Latch
  verified: Latch
  served: Latch
}

/** Longer than this, what was verified is verified once more: it may have died while it waited. */
const staleMs = 1_000

/** Where an attempt waits for those of the other targets. Its leases beat meanwhile, and it can be canceled. */
export function memberHooks(conductor: Conductor, member: Member, { clock }: Runtime): AttemptHooks {
  const { ref, waitSeconds } = conductor.score
  const others = () => conductor.members.filter((one) => one !== member)

  /** Told, where there is something to wait for. */
  const waits = async (attempt: Attempt, state: string, message: string, point: 'ready' | 'served') => {
    const waitsFor = others().flatMap((one) => (one[point].settled ? [] : [one.target.key]))
    // What was seen is recorded before anybody builds on it.
    if (waitsFor.length === 0) return await attempt.settle()
    await attempt.commit({
      events: [
        attempt.event({
          type: 'evidence-captured',
          phase: 'verify',
          message: `${message} ${waitsFor.join(', ')}.`,
          data: { kind: 'rollout', rolloutId: ref.id, state, waitsFor },
        }),
      ],
    })
  }

  const together: Pick<AttemptHooks, 'verified'> = {
    async verified(attempt, again) {
      const began = clock.monotonic()
      await waits(attempt, 'verified', 'It is verified, and is promoted together with', 'ready')
      member.ready.open()
      const limit = deadline(clock, waitSeconds * 1000, () => overdue(conductor, member, waitSeconds))
      try {
        await conductor.opened.orAborted(attempt.signal, limit.signal)
      } finally {
        limit.clear()
      }
      if (clock.monotonic() - began > staleMs) await again()
      member.verified.open()
      await conductor.agreed.orAborted(attempt.signal)
    },
  }

  return {
    ...(ref.promote === 'together' ? together : {}),
    async served(attempt) {
      const held = holds(attempt.record)
      if (held) await waits(attempt, 'served', 'It serves, and can be taken back until these do:', 'served')
      member.served.open()
      if (!held) return
      await conductor.decided.orAborted(attempt.signal)
    },
    failing: (failure) => conductor.fail(member, failure),
  }
}

function overdue(conductor: Conductor, member: Member, seconds: number): AppaloftError {
  const missing = conductor.members.filter((one) => one !== member && !one.ready.settled).map((one) => one.target.key)
  return new AppaloftError('timeout', {
    phase: 'verify',
    message: `It was verified, and not promoted within ${seconds} s (waitSeconds): it waited for ${missing.join(', ')}.`,
    details: { seconds, targets: missing },
    recoveryHint: 'Look why those targets are not ready, or raise waitSeconds of the rollout.',
  })
}
