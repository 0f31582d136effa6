import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { judge, processIdentity } from '../engine/liveness.js'

const hour = 3_600_000
/** No timeout may be longer than a day, so nothing is at work in a folder that is older. */
const abandonedAfterMs = 25 * hour

const namespaceId = (pidNamespace: string) => /\d+/.exec(pidNamespace)?.[0] ?? '0'

/**
 * A private empty folder `.tmp-…` in an area of the state folder, on the same file system as what will be renamed out of it. The caller
 * removes it; where its process dies first, `sweep` does: the name says whose it is.
 */
export async function temporaryFolder(stateDir: string, area: 'sources' | 'git'): Promise<string> {
  const { bootId, pidNamespace, pid, startTime } = processIdentity()
  const owner = [bootId.replaceAll('-', '') || '0', namespaceId(pidNamespace), pid, startTime || '0'].join('-')
  const path = join(stateDir, area, `.tmp-${owner}-${randomBytes(8).toString('hex')}`)
  await mkdir(join(stateDir, area), { recursive: true, mode: 0o700 })
  await chmod(join(stateDir, area), 0o700)
  await mkdir(path, { mode: 0o700 })
  return path
}

/** Removes the folders that dead processes left in an area. Never fails. */
export async function sweep(stateDir: string, area: 'sources' | 'git'): Promise<void> {
  for (const name of await readdir(join(stateDir, area)).catch(() => [])) {
    if (!name.startsWith('.tmp-') && !name.startsWith('.trash-')) continue
    const path = join(stateDir, area, name)
    try {
      const over =
        name.startsWith('.trash-') || isAbandoned(name) || Date.now() - (await stat(path)).mtimeMs > abandonedAfterMs
      if (over) await rm(path, { recursive: true, force: true })
    } catch {
      // The next one tries again.
    }
  }
}

function isAbandoned(name: string): boolean {
  const [, boot, namespace, pid, startTime] = /^\.tmp-([0-9a-f]+)-(\d+)-(\d+)-(\d+)-/.exec(name) ?? []
  const self = processIdentity()
  if (boot === undefined || boot !== self.bootId.replaceAll('-', '')) return false
  if (namespace !== namespaceId(self.pidNamespace)) return false
  return judge({ ...self, pid: Number(pid), startTime: startTime ?? '' }, self) === 'dead'
}
