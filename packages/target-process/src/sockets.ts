import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

export interface Listener {
  port: number
  /** Reachable on 127.0.0.1? Else only on ::1. */
  ipv4: boolean
}

/** A process and its children, as far as they hang together: quick, and enough to see that a socket is still open. */
export function descendants(pid: number): number[] {
  const pids = [pid]
  for (let at = 0; at < pids.length && at < 1_000; at += 1) {
    try {
      const text = readFileSync(`/proc/${pids[at]}/task/${pids[at]}/children`, 'utf8')
      pids.push(...text.split(' ').filter(Boolean).map(Number))
    } catch {}
  }
  return pids
}

/** Inodes of the open sockets; null: nothing could be read. */
export function socketsOf(pids: readonly number[]): Set<string> | null {
  const sockets = new Set<string>()
  let told = false
  for (const pid of pids) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]
        if (inode !== undefined) sockets.add(inode)
      }
      told = true
    } catch {
      // it ended, or belongs to another user
    }
  }
  return told ? sockets : null
}

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** By the inodes of their sockets; null: the system does not tell. */
export async function listening(pids: readonly number[]): Promise<Map<string, Listener> | null> {
  const sockets = socketsOf(pids)
  const found = new Map<string, Listener>()
  const [pid] = pids
  if (sockets === null || pid === undefined) return pid === undefined ? found : null
  if (sockets.size === 0) return found
  for (const family of families) {
    const text = await readFile(tableOf(pid, family), 'utf8').catch(() => '')
    for (const line of text.split('\n')) note(found, sockets, parse(line, family))
  }
  return found
}

/** Reads the tables only as far as it takes to see the expected port. */
export function quickLook(pid: number, sockets: ReadonlySet<string>, expected: number): Map<string, Listener> {
  const found = new Map<string, Listener>()
  if (sockets.size === 0) return found
  for (const family of families) {
    for (const line of firstLines(tableOf(pid, family))) {
      const row = parse(line, family)
      // Linux lists the sockets that listen before all others, of which there may be thousands.
      if (row !== null && !row.listens) break
      note(found, sockets, row)
      if (row?.port === expected && found.has(row.inode)) return found
    }
  }
  return found
}

const families = ['tcp', 'tcp6'] as const
type Family = (typeof families)[number]

/** The sockets in the network namespace of a process. */
const tableOf = (pid: number, family: Family) => `/proc/${pid}/net/${family}`

/** In small pieces: the kernel makes each line when it is asked for. */
function* firstLines(path: string): Generator<string> {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return
  }
  try {
    const piece = Buffer.allocUnsafe(256)
    let rest = ''
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) {
      const lines = (rest + piece.toString('latin1', 0, read)).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
  } catch {
    // it ended meanwhile
  } finally {
    closeSync(file)
  }
}

interface Row extends Listener {
  inode: string
  listens: boolean
}

const listenState = '0A'
const loopback6 = '00000000000000000000000001000000'

/** Null: the head of the table, or its end. */
function parse(line: string, family: Family): Row | null {
  const fields = line.trim().split(/\s+/)
  const [address, port] = (fields[1] ?? '').split(':')
  const inode = fields[9]
  if (port === undefined || inode === undefined) return null
  return {
    port: Number.parseInt(port, 16),
    inode,
    ipv4: family === 'tcp' || address !== loopback6,
    listens: fields[3] === listenState,
  }
}

function note(found: Map<string, Listener>, sockets: ReadonlySet<string>, row: Row | null): void {
  if (row?.listens === true && sockets.has(row.inode)) found.set(row.inode, { port: row.port, ipv4: row.ipv4 })
}
