import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

/** Touched after each commit, for those who wait for news: unlike the log beside it, it changes when the commit is already visible. */
export const bellPath = (path: string): string => `${path}-bell`

/** Makes what is missing of folder (0700) and file (0600). What exists keeps its mode. */
export function createFile(path: string): void {
  const folder = dirname(path)
  const firstMade = mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!createEmpty(path)) return
  // a record that survives power loss needs a file name that does
  const top = firstMade === undefined ? folder : dirname(firstMade)
  for (let at = folder; ; at = dirname(at)) {
    syncFolder(at)
    if (at === top || at === dirname(at)) break
  }
}

/** Opens the bell, made where it is missing, to be touched through `writeSync`. */
export function openBell(path: string): number {
  createEmpty(bellPath(path))
  return openSync(bellPath(path), 'r+')
}

/** Before SQLite does, which would leave the mode to the umask. */
function createEmpty(file: string): boolean {
  try {
    closeSync(openSync(file, 'wx', 0o600))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r')
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  } catch {
    // some systems know no such thing
  }
}
