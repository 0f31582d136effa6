import { basename } from 'node:path'
import { AppaloftError, type JsonObject } from '@appaloft/core/spec'

interface SqliteError extends Error {
  code: string
  /** SQLite's extended result code. */
  rawCode?: number
}

const isSqlite = (error: unknown): error is SqliteError =>
  error instanceof Error && typeof (error as Partial<SqliteError>).code === 'string'

/** BUSY, LOCKED and PROTOCOL: somebody else is at it, and the same call may pass a moment later. */
export const isBusy = (error: unknown): boolean => isSqlite(error) && [5, 6, 15].includes((error.rawCode ?? 0) & 0xff)

/** The file was removed or replaced while it was being opened: to be tried again, as where others are at it. */
export const replacedMeanwhile = Object.assign(new Error('the file was replaced'), { code: 'SQLITE_BUSY', rawCode: 5 })

/** libsql tells a failed open as text alone. */
export const isOpenFailure = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('ConnectionFailed')

/** What SQLite and the file system say, as codes of ours. The path stays out but for its last part. */
export function translated(error: unknown, path: string): AppaloftError {
  if (AppaloftError.isInstance(error)) return error
  const file = basename(path)
  const code = isSqlite(error) ? error.code : undefined
  const details: JsonObject = code === undefined ? { file } : { file, reason: code }
  if (code === 'SQLITE_NOTADB' || code?.startsWith('SQLITE_CORRUPT')) {
    return new AppaloftError('store-corrupt', {
      message: `The file ${file} is damaged, or not a SQLite database.`,
      details,
      cause: error,
    })
  }
  return new AppaloftError('store-unavailable', {
    message: `The store ${file} cannot be used${code === undefined ? '' : ` (${code})`}.`,
    details,
    cause: error,
  })
}

export const busyTooLong = (path: string, milliseconds: number, cause: unknown): AppaloftError =>
  new AppaloftError('store-unavailable', {
    message: `Another process has been writing to the store ${basename(path)} for more than ${milliseconds} ms.`,
    details: { file: basename(path), waitedMs: milliseconds },
    recoveryHint: 'Try again. If it stays so, look for a stopped process that holds the file open.',
    cause,
  })

export const closed = (path: string): AppaloftError =>
  new AppaloftError('store-unavailable', {
    message: `The store ${basename(path)} was closed.`,
    details: { file: basename(path) },
    retriable: false,
  })
