import type { Recovery } from '@appaloft/core/spec'
import type { Style } from './style.js'
import { clean, table } from './text.js'

type Verb = Recovery['reasons'][number]['verb']

/** What can be done after an attempt: each verb with its command or why not, then the releases to go back to. */
export function recoveryLines(recovery: Recovery, style: Style): string[] {
  const { stateVersion, candidates, recommended } = recovery
  const verbs: [Verb, possible: boolean, command: string][] = [
    ['retry', recovery.retryable, `appaloft deployments retry ${recovery.deploymentId}`],
    ['redeploy', recovery.redeployable, `appaloft redeploy ${recovery.resourceId}`],
    ['rollback', recovery.rollbackReady, `appaloft deployments rollback ${recovery.deploymentId}`],
    ['cancel', !recovery.reasons.some(({ verb }) => verb === 'cancel'), ''],
  ]
  const rows = verbs.flatMap(([verb, possible, command]) => {
    const state = possible ? style.green('yes') : style.red('no')
    const why = recovery.reasons.filter((reason) => reason.verb === verb).map(reasonText)
    const flag = verb === 'cancel' ? '' : ` --state-version ${stateVersion}`
    const own = verb === 'cancel' ? `appaloft deployments cancel ${recovery.deploymentId}` : command
    const [first = '', ...others] = possible ? [style.cyan(own + flag), ...why] : why
    return [[`  ${verb}`, state, first], ...others.map((text) => ['', '', text])]
  })
  return [
    `After ${style.bold(recovery.deploymentId)} of ${recovery.resourceId}, in state ${stateVersion} of the resource:`,
    ...table(rows),
    ...(candidates.length === 0
      ? ['  no release is kept']
      : ['  releases that are kept', ...candidateRows(recovery, style)]),
    recommended === null
      ? '  recommended: nothing, it succeeded'
      : `  recommended: ${style.cyan(recommended.command)}  ${style.dim(clean(recommended.reason))}`,
  ]
}

function candidateRows({ candidates }: Recovery, style: Style): string[] {
  const rows = candidates.map(({ releaseId, deploymentId, promotedAt, createdAt, live, ready, reasons }) => {
    const state = live ? style.green('live') : ready ? 'ready' : style.red('no')
    const why = live ? '' : reasons.map(reasonText).join('; ')
    return [`    ${releaseId}`, `of ${deploymentId}`, promotedAt ?? createdAt, state, why]
  })
  return table(rows)
}

/** The engine speaks to programs; here the same is a flag. */
const reasonText = ({ code, message }: { code: string; message: string }): string =>
  `${code}: ${clean(message).replace("{ secrets: 'current' } takes", '--current-secrets takes')}`
