import { readFileSync, readlinkSync } from 'node:fs'
import type { Holder } from '../spec/lease.js'

/** What of a lease's holder tells one process from every other one that ever ran on the machine since it booted. */
export type ProcessIdentity = Pick<Holder, 'bootId' | 'pidNamespace' | 'pid' | 'startTime'>

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
 * Is the holder proven dead? True only where boot id and pid namespace are known and equal, and the process is absent, a zombie, or
 * another one that got the same pid. Never true on doubt.
 *
 * Another boot id is no proof: it may be the same machine after a reboot, or a second machine on the same store, where the holder lives.
 * Such a holder loses its lease by its standing heartbeat.
 */
export function isDead(holder: ProcessIdentity, self: ProcessIdentity): boolean {
  if (holder.bootId === '' || holder.bootId !== self.bootId) return false
  if (holder.pidNamespace === '' || holder.pidNamespace !== self.pidNamespace) return false
  if (!Number.isSafeInteger(holder.pid) || holder.pid <= 0) return false
  const stat = parseStat(read(`/proc/${holder.pid}/stat`))
  if (stat !== null) {
    if (stat.state === 'Z' || stat.state === 'X' || stat.state === 'x') return true
    return holder.startTime !== '' && stat.startTime !== holder.startTime
  }
  // A /proc mounted with hidepid shows nothing of other users' processes: the kernel's own answer decides.
  try {
    process.kill(holder.pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
