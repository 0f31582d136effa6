import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export type JsonRecord = Record<string, unknown>

export const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const errorCode = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined

/** Only this user may look into our folders: they hold environments. */
export const makeFolder = (path: string): void => {
  mkdirSync(path, { recursive: true, mode: 0o700 })
}

/** Replaces a file in one step: a reader sees the old text or the new one, also after a crash. With `durable` also after a power loss. */
export function writeJson(path: string, value: unknown, options: { durable?: boolean } = {}): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}.draft`
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeSync(file, JSON.stringify(value))
    if (options.durable === true) fsyncSync(file)
  } catch (error) {
    closeSync(file)
    rmSync(draft, { force: true })
    throw error
  }
  closeSync(file)
  renameSync(draft, path)
  if (options.durable === true) syncFolder(dirname(path))
}

/** What was written to a file survives a power cut from here on; its name only once its folder is synced too. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

export function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } catch {
    // some file systems cannot
  } finally {
    closeSync(folder)
  }
}

/** The parsed object of a file; null where there is none. A file that is not a JSON object is as good as none. */
export function readRecord(path: string): JsonRecord | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return null
    throw error
  }
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}
