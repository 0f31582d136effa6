import { AppaloftError, allErrorCodes, type ErrorCode, type JsonObject } from '@appaloft/core/spec'
import { CodedError } from './shared/errors.js'
import { errorCode, isRecord } from './shared/files.js'

/** Every error that leaves the target is the SDK's; an abort keeps its reason. */
export function toAppaloft(error: unknown, signal?: AbortSignal): unknown {
  if (AppaloftError.isInstance(error) || (signal?.aborted === true && error === signal.reason)) return error
  if (error instanceof CodedError)
    return new AppaloftError(error.code, { message: error.message, details: error.details, cause: error })
  const code = errorCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new AppaloftError('disk-full', { cause: error })
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
    return new AppaloftError('runtime-backend-unavailable', {
      message: 'The state folder cannot be written or read by this user.',
      details: { cause: code },
      cause: error,
    })
  return error
}

/** An error as the keeper sent it. */
export function fromKeeper(value: unknown): AppaloftError {
  const given = isRecord(value) ? value : {}
  const known = (code: unknown): code is ErrorCode => (allErrorCodes as readonly unknown[]).includes(code)
  const message = typeof given.message === 'string' ? { message: given.message } : {}
  const details = isRecord(given.details) ? { details: given.details as JsonObject } : {}
  return new AppaloftError(known(given.code) ? given.code : 'internal-error', { ...message, ...details })
}
