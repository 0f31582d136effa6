import { readFileSync, readlinkSync } from 'node:fs'
import type { Liveness, ProcessIdentity } from '../spec/liveness.js'

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

/** State and start time from the text of /proc/PID/stat. The command name may hold spaces and parentheses: count from the last one. */
function parseStat(stat: string): { pid: number; state: string; startTime: string } | null {
  const end = stat.lastIndexOf(')')
  if (end < 0) return null
  const fields = stat.slice(end + 2).split(' ')
  const state = fields[0]
  // Field 22 of the line; the state behind the name is field 3.
  const startTime = fields[19]
  if (!state || !startTime) return null
  return { pid: Number.parseInt(stat, 10), state, startTime }
}

/**
 * Who this process is. Empty strings where the system tells nothing (anything but Linux, or a /proc of another pid namespace): then only
 * a standing heartbeat proves a death.
 */
export function processIdentity(): ProcessIdentity {
  const unknown = { bootId: '', pidNamespace: '', pid: process.pid, startTime: '' }
  if (process.platform !== 'linux') return unknown
  const stat = parseStat(read('/proc/self/stat'))
  if (stat === null || stat.pid !== process.pid) return unknown
  let pidNamespace = ''
  try {
    pidNamespace = readlinkSync('/proc/self/ns/pid')
  } catch {}
  return { bootId: read('/proc/sys/kernel/random/boot_id'), pidNamespace, pid: process.pid, startTime: stat.startTime }
}

/**
 * Does the holder live? An answer only where boot id and pid namespace are known and equal: dead where the process is absent, a zombie, or
 * another one that got the same pid.
 *
 * Another boot id is no proof: it may be the same machine after a reboot, or a second machine on the same store, where the holder lives.
 * Such a holder loses its lease by its standing heartbeat.
 */
export function judge(holder: ProcessIdentity, self: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (holder.bootId === '' || holder.bootId !== self.bootId) return 'unknown'
  if (holder.pidNamespace === '' || holder.pidNamespace !== self.pidNamespace) return 'unknown'
  if (!Number.isSafeInteger(holder.pid) || holder.pid <= 0) return 'unknown'
  const stat = parseStat(read(`/proc/${holder.pid}/stat`))
  if (stat !== null) {
    if (stat.state === 'Z' || stat.state === 'X' || stat.state === 'x') return 'dead'
    if (holder.startTime === '') return 'unknown'
    return stat.startTime === holder.startTime ? 'alive' : 'dead'
  }
  // A /proc mounted with hidepid shows nothing of other users' processes: the kernel's own answer decides.
  try {
    process.kill(holder.pid, 0)
    return 'unknown'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'dead' : 'unknown'
  }
}

/** By /proc. */
export function systemLiveness(): Liveness {
  const self = processIdentity()
  return { self, judge: (holder) => judge(holder, self) }
}
