import { randomBytes } from 'node:crypto'
import { linkSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode, isRecord, type JsonRecord, makeFolder, readRecord, writeJson } from './files.js'
import { isAlive, ownIdentity, type ProcessIdentity, parseIdentity } from './processes.js'

export interface Holder {
  identity: ProcessIdentity
  /** What the holder says of itself. */
  data: JsonRecord
}

export interface Lock {
  /** Is it still this process' own? False where another one took it, which could not see that this one lives. */
  held(): boolean
  release(): void
}

/*
 * A lock is a folder of numbered files, each written in full before it gets its name by link(2), which fails where the name is taken.
 * The highest number holds. Who finds its holder dead links the next number: of all that try, one succeeds, and a slow one that
 * arrives after later numbers sees them and gives up. Releasing leaves the number behind, said to be free: numbers never start again,
 * or two of different generations could both believe that theirs is the highest.
 */

const numbers = (folder: string): number[] => {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .sort((a, b) => b - a)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

function holderOf(folder: string, number: number): Holder | null {
  const record = readRecord(join(folder, String(number)))
  const identity = parseIdentity(record?.identity)
  if (record === null || identity === null || !isAlive(identity)) return null
  return { identity, data: isRecord(record.data) ? record.data : {} }
}

/** Who holds the lock and lives; null: nobody. */
export function lockHolder(folder: string): Holder | null {
  const [highest] = numbers(folder)
  return highest === undefined ? null : holderOf(folder, highest)
}

/** Takes the lock for this process, or null where a living process holds it. Freed by `release`, and by this process' death. */
export function takeLock(folder: string, data: JsonRecord = {}): Lock | null {
  makeFolder(folder)
  const [highest = 0] = numbers(folder)
  if (highest > 0 && holderOf(folder, highest) !== null) return null
  const draft = join(folder, `draft-${randomBytes(6).toString('hex')}`)
  const mine = highest + 1
  const file = join(folder, String(mine))
  writeFileSync(draft, JSON.stringify({ identity: ownIdentity(), data }), { mode: 0o600, flag: 'wx' })
  try {
    linkSync(draft, file)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return null
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
  const present = numbers(folder)
  if (present[0] !== mine) {
    rmSync(file, { force: true })
    return null
  }
  for (const former of present.slice(1)) rmSync(join(folder, String(former)), { force: true })
  const held = () => numbers(folder)[0] === mine
  return {
    held,
    release: () => {
      if (held()) writeJson(file, { released: true })
    },
  }
}
