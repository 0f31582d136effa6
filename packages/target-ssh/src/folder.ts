import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const prefix = 'appaloft-ssh-'
/** The path of a socket has 104 bytes on some systems, and ssh appends 17 while it makes one. */
const mostBytes = 60

const youngMs = 60_000

export interface SocketFolder {
  path: string
  /** Removes it. */
  close(): Promise<void>
}

/** A private folder (0700) with a short path for sockets. In one of them this process listens for as long as it lives. */
export async function socketFolder(): Promise<SocketFolder> {
  const base = Buffer.byteLength(tmpdir()) > mostBytes ? '/tmp' : tmpdir()
  await removeLeftovers(base)
  const path = await mkdtemp(join(base, `${prefix}${process.pid}-`))
  const server = createServer((socket) => socket.destroy()).listen(join(path, 'here'))
  await once(server, 'listening')
  server.unref()
  return {
    path,
    async close() {
      server.close()
      await rm(path, { recursive: true, force: true })
    },
  }
}

const lives = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Does anybody listen there? A process of that number may live where this one cannot see it. */
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    const tell = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => tell(true))
    socket.once('error', () => tell(false))
  })

/** Of processes that were killed outright. */
async function removeLeftovers(base: string): Promise<void> {
  for (const name of await readdir(base).catch(() => [])) {
    const pid = Number(/^appaloft-ssh-(\d+)-/.exec(name)?.[1])
    if (!Number.isInteger(pid) || lives(pid)) continue
    const folder = join(base, name)
    const inside = await readdir(folder).catch(() => null)
    if (inside === null) continue
    // Just made: nobody listens there yet.
    const made = (await stat(folder).catch(() => null))?.mtimeMs ?? 0
    if (inside.length === 0 && Date.now() - made < youngMs) continue
    const living = await Promise.all(inside.map((one) => answers(join(folder, one))))
    if (!living.includes(true)) await rm(folder, { recursive: true, force: true }).catch(() => undefined)
  }
}
