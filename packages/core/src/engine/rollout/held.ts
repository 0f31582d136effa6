import type { AppaloftError } from '../../spec/errors.js'
import { type Lease, rolloutLeaseKey } from '../../spec/lease.js'
import { Heartbeat } from '../heartbeat.js'
import { acquireLease, patiently } from '../leases.js'
import type { Runtime } from '../runtime.js'

/** The lease of whoever conducts a rollout: that it is held, and by whom, tells others that somebody answers for its end. */
export interface HeldRollout {
  lost: boolean
  onLost: (error: AppaloftError) => void
  /** @param over its end was reached: nobody need take it up again */
  end(over: boolean): Promise<void>
}

/** As it was read. Null: someone was faster. */
export async function holdRollout(
  runtime: Runtime,
  resourceId: string,
  rolloutId: string,
  expect: Lease | null,
): Promise<HeldRollout | null> {
  const lease = await acquireLease(runtime, {
    key: rolloutLeaseKey(resourceId),
    holder: runtime.holder(rolloutId),
    expect,
    ...(expect?.holder ? { expectBeats: expect.beats } : {}),
  })
  if (lease === null) return null
  const held: HeldRollout = {
    lost: false,
    onLost: () => {},
    async end(over) {
      await heartbeat.stop()
      runtime.holdings.drop(lease)
      if (over) await patiently(runtime, () => runtime.store.releaseLease(lease)).catch(() => {})
    },
  }
  const lost = (error: AppaloftError) => {
    held.lost = true
    held.onLost(error)
  }
  const heartbeat = new Heartbeat(runtime, null, () => [lease], { lost, canceled: () => {} })
  return held
}
