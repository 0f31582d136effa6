import type { Deployment, DeploymentRecord } from '../spec/deployment.js'
import { isTerminal } from '../spec/phases.js'
import { refusal } from './verbs.js'

/** What to do next, best first, each with the command that does it. */
export function nextActions(
  record: DeploymentRecord,
  { retryable = refusal('retry', record) === null }: { retryable?: boolean } = {},
): Deployment['nextActions'] {
  const { id, status, failure } = record
  if (!isTerminal(status)) {
    const follow = {
      verb: 'events' as const,
      command: `appaloft deployments events ${id} --follow`,
      reason: 'Follow it to its end.',
    }
    if (refusal('cancel', record) !== null || status === 'canceling') return [follow]
    const cancel = 'Stop it and undo what it did.'
    return [follow, { verb: 'cancel', command: `appaloft deployments cancel ${id}`, reason: cancel }]
  }
  if (status === 'succeeded') {
    const reason = 'Go back to the release before it.'
    return [{ verb: 'rollback', command: `appaloft deployments rollback ${id}`, reason }]
  }
  const logs = {
    verb: 'logs' as const,
    command: `appaloft deployments logs ${id}`,
    reason: 'Read what its steps printed.',
  }
  const diagnostics = {
    verb: 'diagnostics' as const,
    command: `appaloft deployments diagnostics ${id}`,
    reason: 'Save what is known before anything else is tried.',
  }
  if (record.rollback?.outcome === 'failed') return [diagnostics, logs]
  const redeploy = {
    verb: 'redeploy' as const,
    command: `appaloft redeploy ${record.resourceId}`,
    reason: failure?.recoveryHint ?? 'Detect and plan afresh.',
  }
  if (!retryable) return [redeploy, logs]
  const retry = {
    verb: 'retry' as const,
    command: `appaloft deployments retry ${id}`,
    reason: `The same source and settings once more${record.request.rollout === undefined ? '' : `, on ${record.target} alone`}.`,
  }
  return blames(record) ? [redeploy, retry, logs] : [retry, redeploy, logs]
}

/** Does the failure lie in the source or its settings, so that the same once more would fail again? */
const blames = ({ failure }: DeploymentRecord): boolean =>
  failure !== undefined &&
  ['build-command', 'release-command', 'verification', 'plan', 'source'].includes(failure.category ?? '')
