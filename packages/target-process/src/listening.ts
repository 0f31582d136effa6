import { groupMembers } from './shared/groups.js'
import { isAlive, type ProcessIdentity } from './shared/processes.js'
import { descendants, type Listener, listening, quickLook, socketsOf } from './sockets.js'

/** So many groups are remembered. */
const mostKnown = 200
/** A thorough look that did not show the expected port is believed for so many times as long as it took, and at least so long. */
const restTimes = 20
const restMs = 200

interface Known {
  /** By the inode of the socket; null: the system does not tell. */
  found: Map<string, Listener> | null
  /** Believed until then, although the expected port is not among them. */
  until: number
}

/**
 * Which ports do the processes of a group listen on? Asked often while a release starts, and a thorough look, at every process and every
 * connection of the machine, costs milliseconds: first comes a quick one for the expected port alone, and what was found is believed as
 * long as the sockets stay open.
 */
export class Listeners {
  readonly #known = new Map<string, Known>()

  /**
   * @param expected once this port is among them, nothing else is looked for
   * @param options.young it has only just begun: what a quick look does not see is not there yet
   * @returns null where the system does not tell
   */
  async of(
    leader: ProcessIdentity,
    expected: number | null,
    options: { young?: boolean } = {},
  ): Promise<Listener[] | null> {
    const key = `${leader.pid}:${leader.startTime}`
    const known = this.#known.get(key)
    const sockets = expected === null || !isAlive(leader) ? null : socketsOf(descendants(leader.pid))
    if (sockets !== null && expected !== null) {
      const former = known?.found ?? null
      if (holds(former, expected) && [...former.keys()].every((inode) => sockets.has(inode))) return sorted(former)
      const found = quickLook(leader.pid, sockets, expected)
      if (holds(found, expected)) return this.#keep(key, found, 0)
      if (options.young === true) return sorted(found)
    }
    const began = performance.now()
    if (known !== undefined && began < known.until && !holds(known.found, expected))
      return known.found && sorted(known.found)
    const pids = groupMembers(leader, { proof: () => false }).map((row) => row.pid)
    const found = await listening(pids)
    const now = performance.now()
    return this.#keep(key, found, now + Math.max(restMs, restTimes * (now - began)))
  }

  #keep(key: string, found: Known['found'], until: number): Listener[] | null {
    this.#known.delete(key)
    this.#known.set(key, { found, until })
    if (this.#known.size > mostKnown)
      for (const oldest of [...this.#known.keys()].slice(0, -mostKnown)) this.#known.delete(oldest)
    return found && sorted(found)
  }
}

const holds = (found: Known['found'], port: number | null): found is Map<string, Listener> =>
  found !== null && [...found.values()].some((one) => one.port === port)

const sorted = (found: ReadonlyMap<string, Listener>): Listener[] => {
  const ports = new Map<number, Listener>()
  for (const one of found.values()) {
    ports.set(one.port, { port: one.port, ipv4: one.ipv4 || ports.get(one.port)?.ipv4 === true })
  }
  return [...ports.values()].sort((a, b) => a.port - b.port)
}
