import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Sighting {
  place: 'arguments' | 'environment'
  argv: string[]
  group: string
}

/** Looks at every process of this machine while something happens. */
export async function watchProcesses(texts: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'watch.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const seen: Sighting[] = []
  let looks = 0
  let watching = false
  const lines = createInterface({ input: child.stdout })
  const closed = once(lines, 'close')
  lines.on('line', (line) => {
    const told = JSON.parse(line) as Sighting & { looks?: number; watching?: boolean }
    if (told.watching) watching = true
    else if (told.looks === undefined) seen.push(told)
    else looks = told.looks
  })
  child.stdin.write(`${JSON.stringify(texts)}\n`)
  while (!watching) await sleep(5)
  return {
    seen,
    /** Answers how often it looked. Idempotent. */
    end: async () => {
      child.stdin.end()
      await closed
      return looks
    },
  }
}

/** A moment, as files know it: by the clock of their change, which nobody can set. */
export function moment(folder: string): string {
  const file = join(folder, `moment-${Date.now()}`)
  writeFileSync(file, '')
  return file
}

/** Files below the folders that were made or changed since then and hold one of the texts. Other file systems on the way are left out. */
export function filesHolding(
  folders: readonly string[],
  since: string,
  texts: readonly string[],
): { files: string[]; looked: number } {
  const search = ['-xdev', '-type', 'f', '-cnewer', since, '-print0']
  const all = spawnSync('find', [...folders, ...search], { encoding: 'latin1', maxBuffer: 256 * 1024 * 1024 })
    .stdout.split('\0')
    .filter(Boolean)
  const files: string[] = []
  for (let at = 0; at < all.length; at += 500) {
    const some = all.slice(at, at + 500).map((path) => Buffer.from(path, 'latin1').toString())
    const input = `${texts.join('\n')}\n`
    const found = spawnSync('grep', ['-lFa', '-f', '-', '--', ...some], {
      input,
      encoding: 'utf8',
      env: { LC_ALL: 'C' },
    })
    files.push(...found.stdout.split('\n').filter(Boolean))
  }
  return { files, looked: all.length }
}

/** Everything that listens at a TCP port, by the inode of its socket. */
const listening = (): Set<string> =>
  new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
      execFileSync('cat', [table], { encoding: 'utf8' })
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(([, , , state]) => state === '0A')
        .map((fields) => fields[9] ?? ''),
    ),
  )

/** What the ssh of a folder of sockets listens on: the modes of the folder and its sockets, and how many TCP ports. */
export function openings(folder: string) {
  const [mode = '', ...sockets] = execFileSync('find', [folder, '-printf', '%m %y\\n'], { encoding: 'utf8' })
    .trim()
    .split('\n')
  const pids = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => (line.includes(`ControlPath=${folder}`) ? [line.trim().split(/\s+/)[0] ?? ''] : []))
  const inodes = pids.flatMap((pid) => {
    const links = spawnSync('find', [`/proc/${pid}/fd`, '-printf', '%l\\n'], { encoding: 'utf8' }).stdout
    return [...links.matchAll(/socket:\[(\d+)\]/g)].map(([, inode = '']) => inode)
  })
  const open = listening()
  return {
    mode,
    sockets: sockets.length,
    processes: pids.length,
    ports: inodes.filter((inode) => open.has(inode)).length,
  }
}
