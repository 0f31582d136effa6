import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** The processes that were started in or for the folder, and the folder itself if it is still there. */
export function leftovers(folder) {
  const found = existsSync(folder) ? [`the folder ${folder}`] : []
  // Without /proc there is nothing to look at; the folder still counts.
  const pids = existsSync('/proc/self') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : []
  for (const pid of pids) {
    if (Number(pid) === process.pid || isZombie(pid)) continue
    const text = read(`/proc/${pid}/cmdline`) + read(`/proc/${pid}/environ`)
    if (text.includes(folder)) found.push(`process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
  }
  return found
}

const isZombie = (pid) => /\) Z /.test(read(`/proc/${pid}/stat`))

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
