import type { ReasonCode } from '../spec/codes.js'
import { AppaloftError, type AppaloftErrorOptions } from '../spec/errors.js'
import type { JsonObject } from '../spec/json.js'
import { quoted } from './paths.js'

/** An error of `detect`. Messages name entries of the source by relative path, and its place by its last part alone. */
export const detectError = (code: ReasonCode, message: string, rest: Omit<AppaloftErrorOptions, 'message'> = {}) =>
  new AppaloftError(code, { phase: 'detect', message, ...rest })

export const unreadable = (message: string, details: JsonObject = {}, cause?: unknown) =>
  detectError('source-unreadable', message, { details, cause })

export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

const causes: Record<string, string> = {
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ENOENT: 'it does not exist',
  ENOTDIR: 'it is not a folder',
  ELOOP: 'it is a symbolic link, or a circle of them',
  ENAMETOOLONG: 'its path is too long',
  EIO: 'the disk reports an error',
}

/** A failed system call on an entry of a source. The system's own message is not used: it holds absolute paths. */
export function unreadableEntry(path: string, error: unknown) {
  const code = errorCode(error)
  const why = (code && causes[code]) ?? code ?? 'an unknown error'
  return unreadable(`${quoted(path)} cannot be read: ${why}.`, { path, ...(code ? { systemCode: code } : {}) }, error)
}
