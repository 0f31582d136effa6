import { AppaloftError } from '../spec/errors.js'

/** An idempotency key stands for one deployment or for one rollout of its resource. */
export function keyTaken(id: string, kind: 'deployment' | 'rollout'): AppaloftError {
  const issues = [`idempotencyKey: the ${kind} ${id} of this resource has it`]
  return new AppaloftError('invalid-input', {
    message: `The request is not valid: ${issues.join('; ')}.`,
    details: { issues, id },
    recoveryHint: `Take another key, or look at ${id}: a key is for one deployment or for one rollout of a resource.`,
  })
}
