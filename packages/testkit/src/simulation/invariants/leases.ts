import { type AcquireLease, isTerminal, type Lease, leaseExpiryMs } from '@appaloft/core/spec'
import type { HeldLease } from '../ledger.js'
import type { SimulatedProcess } from '../process.js'
import type { Simulation } from '../simulation.js'

/** A lease went to a new holder: was the former one gone, or asked to leave? */
export function leaseTaken(
  simulation: Simulation,
  process: SimulatedProcess,
  former: HeldLease | undefined,
  lease: Lease,
  input: AcquireLease,
): void {
  if (former !== undefined && lease.token <= former.lease.token)
    simulation.violate('lease-kept', `${lease.key} got the token ${lease.token} after ${former.lease.token}.`)
  const holder = former?.lease.holder
  if (holder == null || former === undefined || former.process === process || !former.process.alive) return
  if (input.with !== undefined) return
  // Whoever took the attempt's own lease has its lease of the resource too.
  if (lease.key.startsWith('resource:') && holder.deploymentId === input.holder.deploymentId) return
  const attempt = process.ledger.deployments.get(holder.deploymentId)?.record
  if (attempt !== undefined && isTerminal(attempt.status)) return
  const standing = simulation.now - former.beatAt
  const { name, disturbedAt } = former.process
  if (standing < leaseExpiryMs)
    simulation.violate(
      'lease-kept',
      `${process.name} took ${lease.key} from ${name}, which beat it ${Math.round(standing)} ms ago.`,
    )
  else if (disturbedAt < former.beatAt)
    simulation.violate(
      'lease-kept',
      `${process.name} took ${lease.key} from ${name}, which lives and was never hindered.`,
    )
}
