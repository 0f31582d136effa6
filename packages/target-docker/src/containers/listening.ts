import { readFile } from 'node:fs/promises'
import type { RunningRef } from '@appaloft/core/spec'
import type { Engine } from '../api/engine.js'

/** Where the processes of a container listen. */
export interface Listening {
  /** From outside of it. */
  open: number[]
  /** Only on its own loopback, where nobody else comes in. */
  loopback: number[]
}

/** Asking by a command inside costs a process: not for what was just started, and not more often than this. */
const insideMs = 1_000
const insideAtMost = 64 * 1024

/**
 * Reads the kernel's table of sockets of a container's network: directly where its processes are this machine's, else by a command inside,
 * where the image has `cat`. Null: cannot be told.
 */
export class Listeners {
  readonly #asked = new Map<string, { at: number; found: Listening | null }>()
  readonly #known = new Map<string, readonly string[]>()

  /** The containers that a release had when it was looked at last: a hint alone. */
  known({ deploymentId, releaseId }: RunningRef): readonly string[] {
    return this.#known.get(`${deploymentId}/${releaseId}`) ?? []
  }

  know({ deploymentId, releaseId }: RunningRef, ids: readonly string[]): void {
    if (this.#known.size > 500) this.#known.clear()
    this.#known.set(`${deploymentId}/${releaseId}`, ids)
  }

  async of(
    engine: Engine,
    id: string,
    pid: number,
    options: { young: boolean; signal?: AbortSignal | undefined },
  ): Promise<Listening | null> {
    const own = engine.address.kind === 'unix' ? await ownTables(id, pid) : null
    if (own !== null) return parse(own)
    if (options.young) return null
    const former = this.#asked.get(id)
    if (former !== undefined && performance.now() - former.at < insideMs) return former.found
    const found = await inside(engine, id, options.signal).catch(() => null)
    if (this.#asked.size > 500) this.#asked.clear()
    this.#asked.set(id, { at: performance.now(), found })
    return found
  }
}

async function ownTables(id: string, pid: number): Promise<string | null> {
  try {
    // A number of another machine's process may be anybody here.
    if (!(await readFile(`/proc/${pid}/cgroup`, 'utf8')).includes(id)) return null
    const [four, six] = await Promise.all(
      ['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '')),
    )
    return `${four}\n${six}`
  } catch {
    return null
  }
}

async function inside(engine: Engine, id: string, signal: AbortSignal | undefined): Promise<Listening | null> {
  const { id: exec, output } = await engine.exec(id, { Cmd: ['cat', '/proc/net/tcp', '/proc/net/tcp6'] }, { signal })
  let text = ''
  for await (const chunk of output) if (text.length < insideAtMost) text += String(chunk)
  // Without IPv6 the second file is missing, which `cat` tells by its exit code.
  return (await engine.execExit(exec, { signal })) === 0 || text.includes('local_address') ? parse(text) : null
}

const loopbacks = /^(?:[0-9A-F]{6}7F|0{24}01000000|0000000000000000FFFF0000[0-9A-F]{6}7F)$/

/** Rows such as `0: 0100007F:1F90 00000000:0000 0A …`: address and port in hexadecimal, then the state, where 0A is listening. */
export function parse(text: string): Listening {
  const open = new Set<number>()
  const loopback = new Set<number>()
  for (const [, address = '', port = ''] of text.matchAll(
    /\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A/g,
  )) {
    // Docker's own name server in networks of the user's, at a random port of 127.0.0.11.
    if (address === '0B00007F') continue
    ;(loopbacks.test(address) ? loopback : open).add(Number.parseInt(port, 16))
  }
  const sorted = (ports: Set<number>) => [...ports].sort((a, b) => a - b)
  return { open: sorted(open), loopback: sorted(new Set([...loopback].filter((port) => !open.has(port)))) }
}
