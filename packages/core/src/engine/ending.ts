import type { DeploymentRecord, Failure } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import type { LeaseRef } from '../spec/lease.js'
import { activeStatuses, isTerminal, type Status } from '../spec/phases.js'
import type { Commit } from '../spec/store.js'
import type { Target } from '../spec/target.js'
import type { Attempt } from './attempt.js'
import { failureOf } from './failure.js'
import { patiently } from './leases.js'
import { ownerOf } from './machine.js'
import { openEnds } from './open-ends.js'
import { endStatus } from './phases/rollback.js'
import type { Runtime } from './runtime.js'

/** The last commit of an attempt: its terminal status, and its leases given back. */
export async function finish(attempt: Attempt, status: Status, failure?: Failure): Promise<void> {
  const { record } = attempt
  const { currentPhase } = attempt.present
  const code = (failure ?? record.failure)?.code
  await attempt.commit({
    set: { status, finishedAt: attempt.runtime.now() },
    releaseLeases: attempt.leases(),
    events: [
      ...(status === 'succeeded' ? [attempt.event({ type: 'phase-succeeded', phase: 'verify' })] : []),
      attempt.event({
        type: 'deployment-finished',
        ...(currentPhase === null ? {} : { phase: currentPhase }),
        level: status === 'succeeded' ? 'info' : 'error',
        message: status,
        data: {
          status,
          ...(code === undefined ? {} : { code }),
          ...(record.rollback ? { rollback: record.rollback.outcome } : {}),
        },
      }),
    ],
  })
}

/** The winner removes the loser's candidate, where the machine is the winner's, and writes its end, under the lease of resource and target. */
export async function endSuperseded(
  runtime: Runtime,
  target: Target,
  lease: LeaseRef,
  loserId: string,
  by: string,
  holds = true,
): Promise<void> {
  const letGo = runtime.bus.hold(loserId)
  try {
    await patiently(runtime, async () => {
      const loser = await runtime.store.getDeployment(loserId)
      if (loser === null || isTerminal(loser.status)) return
      const { resourceId, releaseId, currentPhase } = loser
      if (releaseId !== null && holds)
        await Promise.all([
          target.remove({ resourceId, deploymentId: loserId, releaseId }, lease.token),
          // The machine may have been told of it.
          currentPhase === 'verify' ? target.records?.remove(resourceId, loserId, lease.token) : null,
        ])
      const { events } = await runtime.store.commit(supersession(loser, lease, by, runtime.now()))
      runtime.bus.emit(events)
    })
  } finally {
    letGo()
  }
}

function supersession(loser: DeploymentRecord, lease: LeaseRef, by: string, at: string): Commit {
  const { currentPhase } = loser
  return {
    deploymentId: loser.id,
    guards: [lease],
    set: { status: 'superseded', finishedAt: at, supersededBy: by },
    events: [
      ...openEnds(loser, at, 'superseded'),
      { type: 'lease-lost', at, data: { supersededBy: by } },
      {
        type: 'deployment-finished',
        at,
        ...(currentPhase === null ? {} : { phase: currentPhase }),
        level: 'error',
        message: 'superseded',
        data: { status: 'superseded', supersededBy: by },
      },
    ],
  }
}

/**
 * An engine with another store has taken the machine: nobody else writes this end, and nothing there is this attempt's any more, so that
 * nothing is touched. Its candidate goes with the other's attempt. False: it is for somebody of this store to end it.
 */
export async function endOvertaken(attempt: Attempt, recoveredBy?: string): Promise<boolean> {
  const { runtime, target, record } = attempt
  attempt.settled = true
  const machine = await target.lease?.read(record.resourceId).catch(() => null)
  const owner = machine == null || machine.owner.startsWith(attempt.id) ? undefined : ownerOf(machine)
  const by = owner ?? 'Another engine'
  try {
    await attempt.known()
    const { present } = attempt
    const phase = present.status === 'rolling-back' ? 'rollback' : (present.currentPhase ?? 'plan')
    const error = new AppaloftError('fenced', {
      message: `${by}, of an engine with another store, took over on ${target.key}.`,
      ...(owner === undefined ? {} : { details: { owner } }),
    })
    const failure = present.failure ?? failureOf(attempt, error, phase)
    const { journal } = present
    attempt.defer({
      set: {
        failure,
        ...(owner?.startsWith('dep_') && present.supersededBy === undefined ? { supersededBy: owner } : {}),
        ...(recoveredBy === undefined ? {} : { recoveredBy }),
        ...(journal?.state === 'intended' ? { journal: { ...journal, state: 'failed' as const } } : {}),
      },
      events: [
        ...openEnds(present, runtime.now(), 'fenced'),
        attempt.event({ type: 'lease-lost', data: { code: 'fenced', ...(owner === undefined ? {} : { owner }) } }),
      ],
    })
    // Whose place it had taken ends with it.
    const active = await runtime.store.listDeployments({ resourceId: record.resourceId, statuses: activeStatuses })
    for (const one of active)
      if (one.supersededBy === attempt.id && attempt.resourceLease !== undefined)
        await endSuperseded(runtime, target, attempt.resourceLease, one.id, attempt.id, false)
    const status = present.failure === undefined ? 'interrupted' : endStatus(present.failure)
    const end = present.rollback?.outcome === 'failed' ? 'failed' : status
    await finish(attempt, present.supersededBy === undefined ? end : 'superseded', failure)
    return true
  } catch {
    return false
  }
}

const patienceMs = 120_000

/**
 * Whoever holds the leases writes the end, and this process only waits for it. Should that one die too, or the store have been away,
 * this process takes the attempt up again as any other would.
 */
export async function endElsewhere({ runtime, id }: Attempt): Promise<DeploymentRecord> {
  const { store, clock } = runtime
  const began = clock.monotonic()
  for (;;) {
    const present = await store.getDeployment(id).catch(() => undefined)
    if (present === null) throw new AppaloftError('deployment-not-found', { details: { deploymentId: id } })
    if (present !== undefined && isTerminal(present.status)) return present
    if (clock.monotonic() - began > patienceMs)
      throw new AppaloftError('store-unavailable', { message: `The end of ${id} could not be recorded.` })
    if (present?.supersededBy !== undefined)
      await runtime.recover(present.supersededBy, runtime.engineId).catch(() => null)
    await runtime.recover(id, runtime.engineId).catch(() => null)
    await runtime.pause(100)
  }
}
