import { lstatSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import process from 'node:process'
import { makeFolder } from '../shared/files.js'

/** Listens on a unix socket in a folder that only this user may enter. A stale socket goes: who calls this holds the role's lock. */
export async function listenOn(server: Server, where: { folder: string; path: string }): Promise<void> {
  makeFolder(where.folder)
  const folder = lstatSync(where.folder)
  if (!folder.isDirectory() || folder.uid !== process.getuid?.() || (folder.mode & 0o077) !== 0)
    throw new Error(`${where.folder} is not a private folder of this user`)
  rmSync(where.path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where.path, resolve)
  })
}
