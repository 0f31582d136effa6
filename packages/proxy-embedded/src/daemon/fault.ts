import type { ErrorCode } from '@appaloft/core/spec'

/** An error for the client, which makes it one of the SDK's. */
export class Fault extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: Record<string, string | number | boolean | null> = {},
  ) {
    super(message)
  }
}

export const invalid = (message: string): Fault => new Fault('invalid-input', message)
export const unavailable = (message: string): Fault => new Fault('runtime-backend-unavailable', message)
