import { isRecord, readRecord, writeJson } from '../shared/files.js'
import type { Layout } from '../shared/paths.js'
import { ownIdentity, type ProcessIdentity, parseIdentity } from '../shared/processes.js'

/** What a helper tells the keeper of itself, in a file: the keeper may be another one than its parent. */
export interface HelperStatus {
  identity: ProcessIdentity
  ready: boolean
  /** Nothing to serve: the keeper may end. */
  idle: boolean
  /** Why it is not ready. */
  problem: string | null
}

export function writeStatus(layout: Layout, role: string, status: Omit<HelperStatus, 'identity'>): void {
  writeJson(layout.status(role), { identity: ownIdentity(), ...status })
}

export function readStatus(layout: Layout, role: string): HelperStatus | null {
  const record = readRecord(layout.status(role))
  const identity = parseIdentity(record?.identity)
  if (!isRecord(record) || identity === null) return null
  return {
    identity,
    ready: record.ready === true,
    idle: record.idle === true,
    problem: typeof record.problem === 'string' ? record.problem : null,
  }
}
