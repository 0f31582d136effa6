import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  environmentOf,
  hasEnded,
  type ProcessIdentity,
  type ProcessRow,
  processTable,
  sameMachine,
} from './processes.js'

export interface GroupOptions {
  /**
   * Is a process of the group ours, although its leader is gone? While the leader is there, its start time is the proof. Default: what the
   * leader started is ours.
   */
  proof?: (row: ProcessRow) => boolean
}

/** Labels in a process' environment, as releases carry them. */
export const labelled =
  (labels: Readonly<Record<string, string>>) =>
  (row: ProcessRow): boolean => {
    const environment = environmentOf(row.pid)
    return Object.entries(labels).every(([name, value]) => environment.get(name) === value)
  }

/**
 * Everything that a leader started and that still runs: its session (with process groups of their own inside it) and, while they hang
 * together, descendants that made a session of their own.
 */
export function groupMembers(leader: ProcessIdentity, options: GroupOptions = {}): ProcessRow[] {
  if (!sameMachine(leader)) return []
  const table = processTable()
  const present = table.find((row) => row.pid === leader.pid)
  // The number was given to another process, so nothing of the group can be left: a group's number is not reused while it has members.
  if (present !== undefined && present.startTime !== leader.startTime) return []
  const proven = present !== undefined ? () => true : (options.proof ?? (() => true))
  const found = new Map<number, ProcessRow>()
  for (const row of table) {
    if ((row.group === leader.pid || row.session === leader.pid) && proven(row)) found.set(row.pid, row)
  }
  for (let grown = true; grown; ) {
    grown = false
    for (const row of table) {
      if (found.has(row.pid) || row.pid === process.pid || !found.has(row.parent)) continue
      found.set(row.pid, row)
      grown = true
    }
  }
  return [...found.values()].filter((row) => !hasEnded(row))
}

function send(members: readonly ProcessRow[], signal: NodeJS.Signals): void {
  for (const { pid } of members) {
    try {
      process.kill(pid, signal)
    } catch {
      // it ended in between
    }
  }
}

/**
 * Ends a group: SIGTERM to all of it, the grace, then SIGKILL until nothing is left. Resolves with whether the force was needed.
 * A process that the kernel does not let die (it waits for a disk) is given up after `patienceMs`.
 */
export async function endGroup(
  leader: ProcessIdentity,
  options: GroupOptions & { graceMs: number; patienceMs?: number },
): Promise<{ forced: boolean; left: number }> {
  const known = new Map<number, ProcessRow>()
  const look = () => {
    for (const row of groupMembers(leader, options)) known.set(row.pid, row)
    // Who left the session or lost its parent in the meantime is still the same process.
    const table = new Map(processTable().map((row) => [row.pid, row]))
    for (const [pid, row] of known) {
      const now = table.get(pid)
      if (now === undefined || now.startTime !== row.startTime || hasEnded(now)) known.delete(pid)
    }
    return [...known.values()]
  }
  const waitUntilGone = async (ms: number, each?: (left: ProcessRow[]) => void) => {
    const end = performance.now() + ms
    for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
      const left = look()
      if (left.length === 0) return true
      if (performance.now() >= end) return false
      each?.(left)
      await sleep(pause)
    }
  }
  const members = look()
  if (members.length === 0) return { forced: false, left: 0 }
  send(members, 'SIGTERM')
  // A stopped process takes SIGTERM only when it goes on.
  send(members, 'SIGCONT')
  if (await waitUntilGone(options.graceMs)) return { forced: false, left: 0 }
  const gone = await waitUntilGone(options.patienceMs ?? 10_000, (left) => send(left, 'SIGKILL'))
  return { forced: true, left: gone ? 0 : look().length }
}
