import type { ErrorCode } from '../spec/codes.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import { isTerminal } from '../spec/phases.js'

export const verbs = ['retry', 'redeploy', 'rollback', 'cancel'] as const
export type Verb = (typeof verbs)[number]

/** With which code a verb is refused for an attempt in this state; null: it is taken. The table in docs/verbs.md says the same. */
export function refusal(verb: Verb, record: Pick<DeploymentRecord, 'status' | 'promotion' | 'plan'>): ErrorCode | null {
  const { status, promotion, plan } = record
  switch (verb) {
    case 'retry':
      if (!isTerminal(status)) return 'not-terminal'
      return plan !== null && ['failed', 'canceled', 'interrupted'].includes(status) ? null : 'not-retryable'
    case 'cancel':
      if (isTerminal(status)) return 'already-terminal'
      if (status === 'rolling-back') return 'rollback-in-progress'
      return promotion === 'none' ? null : 'already-promoted'
    // They concern the resource: an attempt that is under way is superseded, waited for, or the reason of a refusal later on.
    case 'redeploy':
    case 'rollback':
      return null
  }
}

/** Throws where `refusal` names a code. */
export function refuse(verb: Verb, record: DeploymentRecord): void {
  const code = refusal(verb, record)
  if (code === null) return
  throw new AppaloftError(code, { details: { deploymentId: record.id, status: record.status } })
}
