import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError, hasCode } from '../spec/errors.js'
import { isTerminal } from '../spec/phases.js'
import type { Store } from '../spec/store.js'
import type { Engine } from './appaloft.js'
import { requestCancel } from './cancel.js'

/** Whoever conducts it stops it; from another process by its attempts that can still be canceled, which it takes for a failure. */
export async function cancelRollout(engine: Engine, id: string): Promise<void> {
  const conductor = engine.rollouts.get(id)
  if (conductor !== undefined) {
    if (!conductor.cancel()) throw new AppaloftError('already-promoted', { details: { rolloutId: id } })
    return
  }
  const attempts = await attemptsBy(engine.runtime.store, id)
  if (attempts.length === 0) {
    throw new AppaloftError('deployment-not-found', {
      message: `There is no rollout ${id}.`,
      details: { rolloutId: id },
    })
  }
  const active = attempts.filter((one) => !isTerminal(one.status))
  if (active.length === 0) throw new AppaloftError('already-terminal', { details: { rolloutId: id } })
  const refused: AppaloftError[] = []
  for (const one of active)
    await requestCancel(engine, one.id).catch((error) => {
      if (!hasCode(error, 'already-promoted', 'rollback-in-progress', 'already-terminal')) throw error
      refused.push(error)
    })
  if (refused.length === active.length) throw refused[0]
}

async function attemptsBy(store: Store, rolloutId: string): Promise<DeploymentRecord[]> {
  const found: DeploymentRecord[] = []
  for (let before: number | undefined; ; ) {
    const page = await store.listDeployments({ limit: 1000, ...(before === undefined ? {} : { before }) })
    found.push(...page.filter((one) => one.request.rollout?.id === rolloutId))
    const last = page.at(-1)
    // They were begun one soon after the other.
    if (last === undefined || page.length < 1000 || (found.length > 0 && last.request.rollout?.id !== rolloutId))
      return found
    before = last.order
  }
}
