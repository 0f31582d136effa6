import { AppaloftError } from '@appaloft/core/spec'
import { EngineError, EngineUnreachable } from './api/client.js'
import { isDiskFull } from './registry/faults.js'

/** Every error that leaves the target is the SDK's; an abort keeps its reason. */
export function fromEngine(error: unknown, signal?: AbortSignal): unknown {
  if (AppaloftError.isInstance(error) || (signal?.aborted === true && error === signal.reason)) return error
  if (error instanceof EngineUnreachable) {
    const forbidden = error.systemCode === 'EACCES'
    return new AppaloftError('runtime-backend-unavailable', {
      message: forbidden ? 'This user may not use the socket of the Docker Engine.' : error.message,
      recoveryHint: forbidden
        ? 'Give this user the right to use Docker, or name another engine.'
        : 'Check that the Docker Engine runs, and DOCKER_HOST and the Docker context; then retry.',
      details: { cause: error.systemCode },
      cause: error,
    })
  }
  if (error instanceof EngineError) {
    if (isDiskFull(error.message))
      return new AppaloftError('disk-full', { details: { engine: error.message }, cause: error })
    return new AppaloftError('runtime-backend-unavailable', {
      message: `The Docker Engine refused: ${error.message}`,
      details: { status: error.status },
      cause: error,
    })
  }
  return error
}
