import { createHash } from 'node:crypto'
import { lstatSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Everything of the proxy below a target's state folder: control socket, table, logs. Mode 0700. */
export const proxyFolder = (stateDir: string): string => join(resolve(stateDir), 'proxy')

/** The durable table of all resources. Mode 0600: it holds verification tokens. */
export const tableFile = (stateDir: string): string => join(proxyFolder(stateDir), 'table.json')

/**
 * The kernel's limit is 103 bytes on some systems and 107 on others, and the daemon first binds a name that is 12 bytes longer,
 * which it then renames.
 */
const longestSocketPath = 90

const real = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

/**
 * Where the daemon of this state folder listens for its clients. A pure function of the folder, so that daemon and clients agree
 * without talking: not of TMPDIR, which differs between a shell and a service.
 *
 * `socket` lies in `folder`, which must belong to this user with mode 0700.
 */
export function controlLocation(stateDir: string): { folder: string; socket: string } {
  const name = 'control.sock'
  const folder = proxyFolder(stateDir)
  const socket = join(folder, name)
  if (Buffer.byteLength(socket) <= longestSocketPath) return { folder, socket }
  const hash = createHash('sha256').update(real(stateDir)).digest('hex').slice(0, 24)
  const short = join('/tmp', `appaloft-${process.getuid?.() ?? 0}-${hash}`)
  return { folder: short, socket: join(short, name) }
}

/** May this user trust what listens in the folder? It belongs to this user and nobody else can enter. False where it is not there. */
export function isPrivateFolder(path: string): boolean {
  if (process.platform === 'win32') return true
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === process.getuid!() && (found.mode & 0o077) === 0
}

/** The path of the control socket; see `controlLocation`. */
export const controlSocketPath = (stateDir: string): string => controlLocation(stateDir).socket
