import type { ErrorCode, JsonObject } from '@appaloft/core/spec'

/**
 * An error with one of the SDK's codes, for code that also runs in the keeper: the keeper is started often and must not load the schemas.
 * At the border to the engine it becomes an `AppaloftError`.
 */
export class CodedError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: JsonObject = {},
  ) {
    super(message)
    this.name = 'CodedError'
  }
}
