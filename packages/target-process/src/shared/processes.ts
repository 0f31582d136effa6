import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import process from 'node:process'

/**
 * Tells one process from every other that ever ran here. A pid alone proves nothing: it is trusted only together with the boot, the
 * pid namespace and the start time, compared for equality.
 */
export interface ProcessIdentity {
  pid: number
  startTime: string
  /** Empty where the system tells none. */
  bootId: string
  pidNamespace: string
}

export interface ProcessRow {
  pid: number
  parent: number
  group: number
  session: number
  /** The system's letter: `Z` is a process that has ended and that nobody has asked about yet. */
  state: string
  startTime: string
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const linux = process.platform === 'linux'
let machine: { bootId: string; pidNamespace: string } | undefined

function here() {
  if (machine !== undefined) return machine
  let pidNamespace = ''
  try {
    pidNamespace = linux ? readlinkSync('/proc/self/ns/pid') : ''
  } catch {}
  machine = { bootId: read('/proc/sys/kernel/random/boot_id').trim(), pidNamespace }
  return machine
}

/** One process as the system sees it now, zombies included; null: there is none. */
export function processRow(pid: number): ProcessRow | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null
  if (!linux) return psRows(['-p', String(pid)])[0] ?? null
  return parseStat(read(`/proc/${pid}/stat`))
}

/** Every process that this user can see. */
export function processTable(): ProcessRow[] {
  if (!linux) return psRows(['-ax'])
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => parseStat(read(`/proc/${pid}/stat`)) ?? [])
}

/** The command name may hold spaces and parentheses: fields are counted from the last one. */
function parseStat(text: string): ProcessRow | null {
  const end = text.lastIndexOf(')')
  if (end < 0) return null
  const fields = text.slice(end + 2).split(' ')
  const startTime = fields[19]
  if (startTime === undefined) return null
  return {
    pid: Number.parseInt(text, 10),
    state: fields[0]!,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTime,
  }
}

/** Where there is no /proc. The session is not told there: the process group stands for it. */
function psRows(which: string[]): ProcessRow[] {
  try {
    const text = execFileSync('ps', [...which, '-o', 'pid=,ppid=,pgid=,stat=,lstart='], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
    })
    return text.split('\n').flatMap((line) => {
      const [pid, parent, group, state, ...start] = line.trim().split(/\s+/)
      if (state === undefined) return []
      return [
        {
          pid: Number(pid),
          parent: Number(parent),
          group: Number(group),
          session: Number(group),
          state: state[0]!,
          startTime: start.join(' '),
        },
      ]
    })
  } catch {
    return []
  }
}

export const hasEnded = (row: ProcessRow): boolean => row.state === 'Z' || row.state === 'X' || row.state === 'x'

/** The identity of a process that is there now, a zombie included, so that a child which ended at once still gets one. */
export function identify(pid: number): ProcessIdentity | null {
  const row = processRow(pid)
  return row === null ? null : { pid, startTime: row.startTime, ...here() }
}

export const ownIdentity = (): ProcessIdentity =>
  identify(process.pid) ?? { pid: process.pid, startTime: '', ...here() }

/** Could this identity belong to a process that this one can see? */
export const sameMachine = (identity: ProcessIdentity): boolean =>
  identity.bootId === here().bootId && identity.pidNamespace === here().pidNamespace

/** Does it still run? A zombie, another process with the same pid, and a process before the last boot do not. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (!sameMachine(identity)) return false
  const row = processRow(identity.pid)
  return row !== null && !hasEnded(row) && row.startTime === identity.startTime
}

/** One variable of a process' initial environment; null where it has none or may not be read. */
export function environmentOf(pid: number): Map<string, string> {
  const found = new Map<string, string>()
  if (!linux) return found
  for (const pair of read(`/proc/${pid}/environ`).split('\0')) {
    const at = pair.indexOf('=')
    if (at > 0) found.set(pair.slice(0, at), pair.slice(at + 1))
  }
  return found
}

export function parseIdentity(value: unknown): ProcessIdentity | null {
  if (typeof value !== 'object' || value === null) return null
  const { pid, startTime, bootId, pidNamespace } = value as Record<string, unknown>
  if (typeof pid !== 'number' || typeof startTime !== 'string') return null
  if (typeof bootId !== 'string' || typeof pidNamespace !== 'string') return null
  return { pid, startTime, bootId, pidNamespace }
}
