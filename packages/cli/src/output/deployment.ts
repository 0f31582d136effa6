import type { Deployment } from '@appaloft/core/spec'
import { checkLines, failureLines, nextLines, reasonLines, rollbackLine } from './facts.js'
import type { Style } from './style.js'
import { clean, table } from './text.js'
import { isTerminal } from './words.js'

export function statusText(status: Deployment['status'], style: Style): string {
  if (status === 'succeeded') return style.green(status)
  if (status === 'failed' || status === 'interrupted') return style.red(status)
  return isTerminal(status) ? style.dim(status) : style.yellow(status)
}

/** One attempt with everything that is known of it. */
export function deploymentLines(deployment: Deployment, style: Style): string[] {
  const { sourceSummary: source, release } = deployment
  const phase = deployment.currentPhase === null ? '' : ` (${deployment.currentPhase})`
  const rows: [string, string | null][] = [
    ['resource', deployment.resourceId],
    ['status', statusText(deployment.status, style) + phase],
    ['trigger', deployment.trigger],
    ['target', deployment.target],
    [
      'source',
      clean(
        [source.kind, source.name ?? source.image, source.gitRef, source.commitSha?.slice(0, 12)]
          .filter(Boolean)
          .join(' '),
      ),
    ],
    ['release', release && `${release.id}${release.live ? style.green(' live') : ''}`],
    ['urls', deployment.accessUrls.join('  ') || null],
    ['created', deployment.createdAt],
    ['finished', deployment.finishedAt],
    ['superseded by', deployment.supersededBy],
    ['recovered by', deployment.recoveredBy],
    ['made from', deployment.sourceDeploymentId],
    ['rollout', deployment.rolloutId],
  ]
  return [
    style.bold(deployment.id),
    ...table(rows.flatMap(([name, value]) => (value === null ? [] : [[`  ${style.dim(name)}`, value]]))),
    ...checkLines(deployment.checks, style),
    ...deployment.warnings.flatMap((reason) => reasonLines(reason, style, 'warning')),
    ...(deployment.failure === null ? [] : failureLines(deployment.failure, style)),
    ...rollbackLine(deployment, style),
    ...nextLines(deployment, style),
  ]
}
