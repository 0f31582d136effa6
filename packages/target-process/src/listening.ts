import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { groupMembers } from './shared/groups.js'
import type { ProcessIdentity } from './shared/processes.js'

export interface Listener {
  port: number
  /** Reachable on 127.0.0.1? Else only on ::1. */
  ipv4: boolean
}

/** So many groups are remembered. */
const mostKnown = 200

/**
 * Which ports do the processes of a group listen on? The kernel's socket tables cost milliseconds to read, so what was found is believed
 * as long as the sockets stay open.
 */
export class Listeners {
  readonly #known = new Map<string, Map<string, Listener>>()

  /**
   * @param expected once this port is among them, nothing else is looked for
   * @returns null where the system does not tell
   */
  async of(leader: ProcessIdentity, expected: number | null): Promise<Listener[] | null> {
    const key = `${leader.pid}:${leader.startTime}`
    const known = this.#known.get(key)
    if (known !== undefined && [...known.values()].some((one) => one.port === expected)) {
      const open = socketsOf(descendants(leader.pid))
      if (open !== null && [...known.keys()].every((inode) => open.has(inode))) return sorted(known)
    }
    const pids = groupMembers(leader, { proof: () => false }).map((row) => row.pid)
    const found = await listening(pids)
    this.#known.delete(key)
    if (found !== null) this.#known.set(key, found)
    if (this.#known.size > mostKnown)
      for (const oldest of [...this.#known.keys()].slice(0, -mostKnown)) this.#known.delete(oldest)
    return found === null ? null : sorted(found)
  }
}

const sorted = (found: ReadonlyMap<string, Listener>): Listener[] => {
  const ports = new Map<number, Listener>()
  for (const one of found.values()) {
    ports.set(one.port, { port: one.port, ipv4: one.ipv4 || ports.get(one.port)?.ipv4 === true })
  }
  return [...ports.values()].sort((a, b) => a.port - b.port)
}

/** A process and its children, as far as they hang together: quick, and enough to see that a socket is still open. */
function descendants(pid: number): number[] {
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
function socketsOf(pids: readonly number[]): Set<string> | null {
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

async function listening(pids: readonly number[]): Promise<Map<string, Listener> | null> {
  const sockets = socketsOf(pids)
  const found = new Map<string, Listener>()
  const [pid] = pids
  if (sockets === null || pid === undefined) return pid === undefined ? found : null
  if (sockets.size === 0) return found
  for (const family of ['tcp', 'tcp6'] as const) {
    for (const { inode, ...listener } of await tableOf(pid, family)) if (sockets.has(inode)) found.set(inode, listener)
  }
  return found
}

const listenState = '0A'
const loopback6 = '00000000000000000000000001000000'

/** The sockets that listen in the network namespace of a process. */
async function tableOf(pid: number, family: 'tcp' | 'tcp6'): Promise<(Listener & { inode: string })[]> {
  const text = await readFile(`/proc/${pid}/net/${family}`, 'utf8').catch(() => '')
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/)
      const [address, port] = (fields[1] ?? '').split(':')
      const inode = fields[9]
      if (fields[3] !== listenState || port === undefined || inode === undefined) return []
      return [{ port: Number.parseInt(port, 16), inode, ipv4: family === 'tcp' || address !== loopback6 }]
    })
}
