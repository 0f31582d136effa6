import { AppaloftError, hasCode } from '../spec/errors.js'
import type { Engine } from './engine.js'
import { existingDeployment } from './lookup.js'
import { refuse } from './verbs.js'

/** Records that a cancel was asked for; whoever runs the attempt carries it out. Idempotent while it is under way. */
export async function requestCancel({ runtime, running }: Engine, id: string): Promise<void> {
  const { store } = runtime
  for (let tries = 0; ; tries++) {
    const record = await existingDeployment(store, id)
    refuse('cancel', record)
    if (record.status === 'canceling') break
    try {
      await store.commit({
        deploymentId: id,
        guards: [],
        expectVersion: record.version,
        set: { status: 'canceling', cancelRequestedAt: runtime.now() },
      })
      break
    } catch (error) {
      if (!hasCode(error, 'conflict', 'illegal-transition')) throw error
      if (tries >= 50) throw new AppaloftError('conflict', { message: `${id} changes too fast to be canceled.` })
    }
  }
  running.get(id)?.cancel()
}
