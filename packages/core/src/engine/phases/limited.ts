import { AppaloftError } from '../../spec/errors.js'
import type { Attempt } from '../attempt.js'
import { deadline } from '../timing.js'

/** Runs a step under the time that its profile field gives; the expiry names the field. */
export async function limited<T>(
  attempt: Attempt,
  seconds: number,
  field: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = deadline(
    attempt.runtime.clock,
    seconds * 1000,
    () =>
      new AppaloftError('timeout', {
        message: `The step took longer than ${seconds} s (runtime.timeouts.${field}).`,
        details: { profileField: `runtime.timeouts.${field}`, seconds },
      }),
  )
  try {
    return await work(AbortSignal.any([attempt.signal, limit.signal]))
  } catch (error) {
    attempt.signal.throwIfAborted()
    limit.signal.throwIfAborted()
    throw error
  } finally {
    limit.clear()
  }
}
