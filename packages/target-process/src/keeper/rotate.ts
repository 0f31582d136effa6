import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { folderNames } from '../shared/records.js'

/** Rotated logs beside a log, oldest first: `log.1`, `log.2`, … The numbers only grow, so that a reader knows how many it missed. */
export function rotatedLogs(log: string): { path: string; number: number }[] {
  const prefix = `${basename(log)}.`
  return folderNames(dirname(log))
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => ({ path: join(dirname(log), name), number: Number(name.slice(prefix.length)) }))
    .sort((a, b) => a.number - b.number)
}

const draftOf = (log: string) => `${log}.rotating`

/** The next number; kept in no file, since the newest is never removed. */
const nextNumber = (log: string) => (rotatedLogs(log).at(-1)?.number ?? 0) + 1

/**
 * Copies the log beside itself and empties it. The writer has it open with O_APPEND and notices nothing. Whatever it writes during the
 * copy is copied too: only what comes in the microseconds between the last look and the cut would be lost.
 *
 * The copy gets its number after the cut: a reader that sees the number also sees the emptied file.
 */
export function rotateLog(log: string, options: { bytes: number; files: number }): boolean {
  let size: number
  try {
    size = statSync(log).size
  } catch {
    return false
  }
  if (size < options.bytes) return false
  const draft = draftOf(log)
  const from = openSync(log, 'r+')
  const to = openSync(draft, 'w', 0o600)
  try {
    const chunk = Buffer.allocUnsafe(1024 * 1024)
    let at = 0
    for (let read = -1; read !== 0; at += read) {
      read = readSync(from, chunk, 0, chunk.length, at)
      writeSync(to, chunk, 0, read)
    }
    ftruncateSync(from, 0)
  } finally {
    closeSync(from)
    closeSync(to)
  }
  renameSync(draft, `${log}.${nextNumber(log)}`)
  for (const old of rotatedLogs(log).slice(0, -Math.max(1, options.files))) rmSync(old.path, { force: true })
  return true
}

/** A keeper that died while it rotated: where the log was cut already, its copy takes its number; else it is thrown away. */
export function mendRotation(log: string): void {
  const draft = draftOf(log)
  if (!existsSync(draft)) return
  const size = existsSync(log) ? statSync(log).size : 0
  if (size < statSync(draft).size) renameSync(draft, `${log}.${nextNumber(log)}`)
  else rmSync(draft, { force: true })
}
