import { appendFileSync, renameSync, statSync } from 'node:fs'

const maxBytes = 1024 * 1024
const maxLinesASecond = 20

export type Log = (line: string) => void

/** Lines with their time. What comes faster than 20 a second is counted, not written. Never throws. */
export function createLog(to: string | ((line: string) => void) | undefined): Log {
  if (to === undefined) return () => {}
  const write = typeof to === 'string' ? fileWriter(to) : to
  let second = 0
  let lines = 0
  return (line) => {
    const now = Date.now()
    const current = Math.floor(now / 1000)
    if (current !== second) {
      if (lines > maxLinesASecond) put(write, now, `${lines - maxLinesASecond} more lines left out`)
      second = current
      lines = 0
    }
    if (++lines <= maxLinesASecond) put(write, now, line)
  }
}

function put(write: (line: string) => void, now: number, line: string): void {
  try {
    write(`${new Date(now).toISOString()} ${line}`)
  } catch {
    // A full disk must not end the traffic.
  }
}

/** Two files of 1 MiB: the present one and its predecessor. */
function fileWriter(path: string): (line: string) => void {
  let size = sizeOf(path)
  return (line) => {
    if (size > maxBytes) {
      renameSync(path, `${path}.1`)
      size = 0
    }
    appendFileSync(path, `${line}\n`, { mode: 0o600 })
    size += line.length + 1
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0
  }
}
