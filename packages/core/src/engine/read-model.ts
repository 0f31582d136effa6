import type { Deployment, DeploymentRecord } from '../spec/deployment.js'
import { isTerminal } from '../spec/phases.js'
import type { Runtime } from './runtime.js'

/** What `show` answers. The release's section degrades alone. */
export async function readModel(runtime: Runtime, record: DeploymentRecord): Promise<Deployment> {
  const { definition, sourceIdentity, failure } = record
  const release = record.releaseId === null ? null : await runtime.store.getRelease(record.releaseId).catch(() => null)
  const live = (await runtime.store.getResource(record.resourceId).catch(() => null))?.live[record.target]
  const { source } = definition
  const gitRef =
    sourceIdentity?.gitRef ?? record.request.gitRef ?? (source.kind === 'git-repository' ? source.gitRef : undefined)
  return {
    id: record.id,
    resourceId: record.resourceId,
    status: record.status,
    currentPhase: record.currentPhase,
    sourceSummary: {
      kind: source.kind,
      ...(gitRef === undefined ? {} : { gitRef }),
      ...(sourceIdentity?.commitSha === undefined ? {} : { commitSha: sourceIdentity.commitSha }),
      ...(source.kind === 'docker-image' ? { image: source.image } : {}),
      ...(sourceIdentity?.name === undefined ? {} : { name: sourceIdentity.name }),
      baseDirectory: sourceIdentity?.baseDirectory ?? source.baseDirectory ?? '.',
    },
    recoveryHint: failure?.recoveryHint ?? null,
    trigger: record.trigger,
    target: record.target,
    release:
      release === null
        ? null
        : {
            id: release.id,
            createdAt: release.createdAt,
            live: live?.releaseId === release.id && live.deploymentId === record.id,
            deploymentId: release.deploymentId,
          },
    checks: record.checks,
    warnings: record.warnings,
    failure: failure ?? null,
    rollback: record.rollback ?? null,
    accessUrls: record.accessUrls,
    createdAt: record.createdAt,
    startedAt: record.startedAt ?? null,
    finishedAt: record.finishedAt ?? null,
    planFingerprint: record.planFingerprint,
    supersededBy: record.supersededBy ?? null,
    recoveredBy: record.recoveredBy ?? null,
    sourceDeploymentId: record.sourceDeploymentId ?? null,
    nextActions: nextActions(record),
  }
}

function nextActions(record: DeploymentRecord): Deployment['nextActions'] {
  const { id, status, plan, failure } = record
  if (!isTerminal(status)) {
    const follow = {
      verb: 'events' as const,
      command: `appaloft deployments events ${id} --follow`,
      reason: 'Follow it to its end.',
    }
    if (record.promotion !== 'none' || status === 'rolling-back' || status === 'canceling') return [follow]
    return [
      follow,
      { verb: 'cancel', command: `appaloft deployments cancel ${id}`, reason: 'Stop it and undo what it did.' },
    ]
  }
  if (status === 'succeeded')
    return [
      { verb: 'rollback', command: `appaloft deployments rollback ${id}`, reason: 'Go back to the release before it.' },
    ]
  const logs = {
    verb: 'logs' as const,
    command: `appaloft deployments logs ${id}`,
    reason: 'Read what its steps printed.',
  }
  if (plan !== null && status !== 'superseded')
    return [
      { verb: 'retry', command: `appaloft deployments retry ${id}`, reason: 'The same source and settings once more.' },
      logs,
    ]
  return [
    {
      verb: 'redeploy',
      command: `appaloft redeploy ${record.resourceId}`,
      reason: failure?.recoveryHint ?? 'Detect and plan afresh.',
    },
    logs,
  ]
}
