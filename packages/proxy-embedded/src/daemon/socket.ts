import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import type { Server } from 'node:net'
import { dirname } from 'node:path'
import { isPrivateFolder } from '../paths.js'

/** Makes a folder that only this user can enter, or throws: whoever can enter it commands the proxy. */
export function privateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  if (isPrivateFolder(path)) return
  const found = lstatSync(path)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Error('The folder of the proxy’s control socket belongs to someone else.')
  }
  chmodSync(path, 0o700)
}

/** The control socket as this daemon bound it; another daemon may take the path over. */
export interface ControlSocket {
  mine(): boolean
  release(): void
}

/**
 * Binds a name of its own and renames it into place: clients never meet a socket that is not open yet, a stale one is replaced, and
 * closing the server (which removes the name that was bound) cannot remove a successor's.
 */
export async function bindControlSocket(server: Server, path: string): Promise<ControlSocket> {
  privateFolder(dirname(path))
  const temporary = `${path}.${randomBytes(4).toString('hex')}`
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path: temporary }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
  chmodSync(temporary, 0o600)
  const { ino, dev } = statSync(temporary)
  renameSync(temporary, path)
  const mine = (): boolean => {
    try {
      const found = statSync(path)
      return found.ino === ino && found.dev === dev
    } catch {
      return false
    }
  }
  return {
    mine,
    release() {
      if (mine()) rmSync(path, { force: true })
    },
  }
}
