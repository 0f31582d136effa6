import { AppaloftError, hasCode } from '../../spec/errors.js'
import { isTerminal } from '../../spec/phases.js'
import { requestCancel } from '../cancel.js'
import type { Engine } from '../engine.js'
import { rolloutRecords } from './records.js'

/** Whoever conducts it stops it; from another process by its attempts that can still be canceled, which it takes for a failure. */
export async function cancelRollout(engine: Engine, id: string): Promise<void> {
  const conductor = engine.rollouts.get(id)
  if (conductor !== undefined) {
    if (!conductor.cancel()) throw new AppaloftError('already-promoted', { details: { rolloutId: id } })
    return
  }
  const { made, undoing } = await rolloutRecords(engine.runtime.store, id)
  const active = [...made, ...undoing].filter((one) => !isTerminal(one.status))
  if (active.length === 0) throw new AppaloftError('already-terminal', { details: { rolloutId: id } })
  const refused: AppaloftError[] = []
  for (const one of active)
    await requestCancel(engine, one.id).catch((error) => {
      if (!hasCode(error, 'already-promoted', 'rollback-in-progress', 'already-terminal')) throw error
      refused.push(error)
    })
  if (refused.length === active.length) throw refused[0]
}
