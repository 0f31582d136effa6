import { AppaloftError } from '@appaloft/core/spec'

export const unavailable = (): AppaloftError => new AppaloftError('runtime-backend-unavailable')
