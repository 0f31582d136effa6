import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/**
 * What to start for a name: the name itself where the system finds it by the command's own PATH, an absolute path where the command has
 * none and this process's PATH leads to it, else null. Relative entries of that PATH do not count: they would lead into any folder.
 */
export function findProgram(name: string, path: string | undefined): string | null {
  if (name.includes('/') || path !== undefined) return name
  for (const folder of (process.env.PATH ?? '/usr/bin:/bin').split(delimiter)) {
    if (isAbsolute(folder) && isProgram(join(folder, name))) return join(folder, name)
  }
  return null
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
