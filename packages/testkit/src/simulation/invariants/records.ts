import { type DeploymentPatch, type DeploymentRecord, isTerminal, mayFollow } from '@appaloft/core/spec'
import type { Entry, Ledger } from '../ledger.js'
import type { SimulatedProcess } from '../process.js'
import type { Simulation } from '../simulation.js'
import { rollbackTold, succeeded } from './ends.js'

const pastPlanning = ({ status, token, supersededBy }: DeploymentRecord): boolean =>
  supersededBy === undefined &&
  (status === 'executing' ||
    status === 'verifying' ||
    status === 'rolling-back' ||
    (status === 'canceling' && token !== null))

/** What a commit made of a deployment's record. */
export function checkRecord(
  simulation: Simulation,
  process: SimulatedProcess,
  entry: Entry,
  before: DeploymentRecord,
  set: DeploymentPatch | undefined,
): void {
  const { record } = entry
  const { id, status, resourceId } = record
  const { steps } = simulation.scheduler
  if (isTerminal(before.status)) simulation.violate('final-is-final', `${id} was ${before.status} and was changed.`)
  if (!mayFollow(before.status, status))
    simulation.violate('legal-transition', `${id} went from ${before.status} to ${status}.`)
  if (before.status !== 'rolling-back' && status === 'rolling-back') entry.rollbackStep = steps
  simulation.recordChanged(record)
  if (before.status !== 'canceling' && status === 'canceling' && before.promotion === 'recorded')
    simulation.violate('verbs-keep-their-word', `A cancel of ${id} was taken after its promotion.`)
  if (before.promotion === 'none' && record.promotion === 'intended') entry.promotionStep = steps
  if (before.promotion !== 'recorded' && record.promotion === 'recorded' && simulation.removals === 0)
    simulation.removing.delete(resourceId)
  if (before.promotion !== 'recorded' && record.promotion === 'recorded') promoted(simulation, process.ledger, record)
  if (record.supersededBy !== before.supersededBy && record.supersededBy !== undefined) {
    const winner = process.ledger.deployments.get(record.supersededBy)?.record
    // What another store did has its order from when this one heard of it: there tokens decide.
    if (winner !== undefined && !winner.adopted && winner.order < record.order)
      simulation.violate('newer-wins', `${id} was superseded by ${winner.id}, which is older.`)
  }
  if (pastPlanning(record) && !pastPlanning(before)) {
    const others = process.ledger.of(resourceId).filter((one) => pastPlanning(one.record))
    if (others.length > 1)
      simulation.violate(
        'one-past-planning',
        `${others.map((one) => `${one.record.id} is ${one.record.status}`).join(', ')}.`,
      )
    const promised = record.plan === null || (record.plan.overlap && record.plan.network.exposure === 'proxy')
    if (!promised) simulation.unpromised.add(resourceId)
  }
  if (set?.rollback !== undefined) rollbackTold(simulation, entry)
  if (set?.status !== undefined && isTerminal(set.status)) ended(simulation, process, entry)
}

function promoted(simulation: Simulation, ledger: Ledger, { id, resourceId, order }: DeploymentRecord): void {
  const newer = ledger
    .of(resourceId)
    .find(({ record, promotionStep }) => record.order > order && promotionStep >= 0 && hasTraffic(record))
  if (newer !== undefined)
    simulation.violate('newer-wins', `${id} was promoted after ${newer.record.id}, which is newer.`)
}

/** An attempt that ended before its promotion was recorded has none, whatever became of its rollback. */
const hasTraffic = ({ promotion, status }: DeploymentRecord): boolean =>
  promotion === 'recorded' || (promotion === 'intended' && !isTerminal(status))

function ended(simulation: Simulation, process: SimulatedProcess, entry: Entry): void {
  const { record, owner } = entry
  const { id, status, resourceId, rollback } = record
  simulation.cover(`status:${status}`)
  if (record.recoveredBy !== undefined) simulation.cover(`recovered:${status}`)
  if (entry.events.at(-1)?.type !== 'deployment-finished')
    simulation.violate('paired-events', `${id} is ${status} without deployment-finished.`)
  if (status === 'succeeded') succeeded(simulation, entry)
  if (rollback?.outcome === 'failed') simulation.unpromised.add(resourceId)
  else if (status === 'succeeded' && record.plan?.overlap && !isContested(simulation, id))
    simulation.unpromised.delete(resourceId)
  const left = simulation.machine.ofDeployment(id)
  if (status !== 'succeeded' && rollback?.outcome !== 'failed' && left.length > 0 && record.supersededBy === undefined)
    simulation.violate('candidate-removed', `${id} is ${status}, and its release is ${left[0]?.state}.`)
  if (status === 'interrupted' && owner.alive && owner.disturbedAt < 0)
    simulation.violate(
      'interrupted-means-gone',
      `${id} is interrupted by ${process.name}; ${owner.name} was never hindered.`,
    )
}

/** Its rollback failed with one store, and another one took it up where it served: the first still takes it for failed. */
const isContested = ({ ledgers }: Simulation, id: string): boolean =>
  ledgers.some(({ deployments }) => deployments.get(id)?.record.rollback?.outcome === 'failed')
