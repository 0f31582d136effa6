import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { groupMembers } from './shared/groups.js'
import type { ProcessIdentity } from './shared/processes.js'

export interface Listener {
  port: number
  /** Reachable on 127.0.0.1? Else only on ::1. */
  ipv4: boolean
}

/** Ports on which the processes of a group listen; null where the system does not tell. */
export function listenersOf(leader: ProcessIdentity): Listener[] | null {
  const pids = groupMembers(leader, { proof: () => false }).map((row) => row.pid)
  return pids.length === 0 ? [] : listenersOfPids(pids)
}

export function listenersOfPids(pids: readonly number[]): Listener[] | null {
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
  const [pid] = pids
  if (!told || pid === undefined) return null
  const found = new Map<number, Listener>()
  for (const { port, inode, ipv4 } of [...tableOf(pid, 'tcp'), ...tableOf(pid, 'tcp6')]) {
    if (!sockets.has(inode)) continue
    found.set(port, { port, ipv4: ipv4 || found.get(port)?.ipv4 === true })
  }
  return [...found.values()].sort((a, b) => a.port - b.port)
}

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

const listening = '0A'
const loopback6 = '00000000000000000000000001000000'

/** The sockets that listen in the network namespace of a process. */
function tableOf(pid: number, family: 'tcp' | 'tcp6'): { port: number; inode: string; ipv4: boolean }[] {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/net/${family}`, 'utf8')
  } catch {
    return []
  }
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/)
      const [address, port] = (fields[1] ?? '').split(':')
      const inode = fields[9]
      if (fields[3] !== listening || port === undefined || inode === undefined) return []
      return [{ port: Number.parseInt(port, 16), inode, ipv4: family === 'tcp' || address !== loopback6 }]
    })
}
