import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A session of its own: what a command started, unless it made a session of its own in turn. */
export interface Group {
  /** The leader's, and so the group's. */
  pid: number
  /** Null where the system does not tell it, or the leader has already ended. */
  startTime: string | null
}

const linux = process.platform === 'linux'

export const groupOf = (pid: number): Group => ({ pid, startTime: rowOf(pid)?.startTime ?? null })

interface Row {
  pid: number
  state: string
  group: number
  session: number
  startTime: string
}

/** The command name may hold spaces and parentheses: fields are counted from the last one. */
function rowOf(pid: number | string): Row | null {
  if (!linux) return null
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [state = '', , group, session] = fields
    return { pid: Number(pid), state, group: Number(group), session: Number(session), startTime: fields[19] ?? '' }
  } catch {
    return null
  }
}

const send = (pid: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

/** Those that have not ended. A zombie has: `kill(pid, 0)` alone would wait for it for good where nobody reaps it. */
function members(group: Group): number[] {
  if (!linux) return send(-group.pid, 0) ? [-group.pid] : []
  // The usual case, without a look at every process of the machine.
  const leader = rowOf(group.pid)
  if (leader === null && !send(-group.pid, 0)) return []
  // The number was given to another process: it is not reused while a group of that number has members.
  if (leader !== null && leader.startTime !== group.startTime) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => rowOf(name) ?? [])
    .filter((row) => (row.group === group.pid || row.session === group.pid) && !/[ZXx]/.test(row.state))
    .map((row) => row.pid)
}

export function killGroup(group: Group): void {
  for (const pid of members(group)) send(pid, 'SIGKILL')
}

/** SIGTERM to all of it, the grace, then SIGKILL until nothing is left. What the kernel does not let die is given up after 10 s. */
export async function endGroup(group: Group, graceMs: number): Promise<void> {
  const untilGone = async (ms: number, each?: (pid: number) => void): Promise<boolean> => {
    const end = performance.now() + ms
    for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
      const left = members(group)
      if (left.length === 0) return true
      if (performance.now() >= end) return false
      for (const pid of left) each?.(pid)
      await sleep(pause)
    }
  }
  for (const pid of members(group)) {
    send(pid, 'SIGTERM')
    // A stopped process takes SIGTERM only when it goes on.
    send(pid, 'SIGCONT')
  }
  if (!(await untilGone(graceMs))) await untilGone(10_000, (pid) => send(pid, 'SIGKILL'))
}
