import type { Deployment } from '@appaloft/core/spec'
import { checkLines, failureLines, nextLines, rollbackLine } from './facts.js'
import type { Style } from './style.js'
import { duration } from './text.js'

const took = (deployment: Deployment): string => {
  const { createdAt, finishedAt } = deployment
  return finishedAt === null ? '' : `, ${duration(Date.parse(finishedAt) - Date.parse(createdAt))}`
}

/** The end of an attempt: what a person reads last. */
export function outcomeLines(deployment: Deployment, style: Style): string[] {
  const { id, resourceId, status } = deployment
  if (status === 'succeeded') {
    return [
      `${style.green('✔')} ${style.bold(resourceId)} is live ${style.dim(`(${id}${took(deployment)})`)}`,
      ...deployment.accessUrls.map((url) => `  ${style.cyan(url)}`),
      ...checkLines(deployment.checks, style),
    ]
  }
  const end = deployment.supersededBy === null ? status : `${status} by ${deployment.supersededBy}`
  return [
    `${style.red('✖')} ${style.bold(resourceId)} ${end} ${style.dim(`(${id}${took(deployment)})`)}`,
    ...checkLines(deployment.checks, style),
    ...(deployment.failure === null ? [] : failureLines(deployment.failure, style)),
    ...rollbackLine(deployment, style),
    ...nextLines(deployment, style),
  ]
}
