import { AppaloftError } from '@appaloft/core/spec'

export const unavailable = (message: string, recoveryHint?: string): AppaloftError =>
  new AppaloftError('runtime-backend-unavailable', { message, ...(recoveryHint === undefined ? {} : { recoveryHint }) })
