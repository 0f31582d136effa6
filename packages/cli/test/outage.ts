import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Every process that works below the folder: keeper, proxy, static server and releases, also one that has only just begun. */
export function survivors(stateDir: string): number[] {
  const folder = existsSync(stateDir) ? realpathSync(stateDir) : stateDir
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${folder}/`) ? [Number(pid)] : []
      } catch {
        return []
      }
    })
}

/** The files in which the process target writes down who runs. */
const records = (stateDir: string): string[] =>
  ['keeper', 'releases'].flatMap((name) => {
    const folder = join(stateDir, 'process', name)
    if (!existsSync(folder)) return []
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /^\d+$|\.json$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
  })

/**
 * What a loss of power does to everything that runs for a state folder: all of it ends at once, sockets that were kept in /tmp are gone, and
 * the next boot has another id.
 *
 * @returns how many processes were killed
 */
export async function outage(stateDir: string): Promise<number> {
  const killed = new Set<number>()
  // They look after each other: whoever is begun anew in between goes as well.
  for (let quiet = 0; quiet < 10; ) {
    const found = survivors(stateDir)
    for (const pid of found) {
      process.kill(pid, 'SIGKILL')
      killed.add(pid)
    }
    quiet = found.length === 0 ? quiet + 1 : 0
    await new Promise((done) => setTimeout(done, 50))
  }
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  for (const file of records(stateDir)) {
    const text = readFileSync(file, 'utf8')
    for (const [, folder = ''] of text.matchAll(/"(\/tmp\/appaloft-process-[\w-]+)\/[^"/]+\.sock"/g))
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    writeFileSync(file, text.replaceAll(boot, '00000000-0000-4000-8000-000000000000'))
  }
  return killed.size
}
