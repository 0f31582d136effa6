import type { Deployment, DeploymentRecord } from '../spec/deployment.js'
import { nextActions } from './next-actions.js'
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
    rolloutId: record.request.rollout?.id ?? null,
    nextActions: nextActions(record),
  }
}
