import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Runs a program to its end: what it printed, or an error that says why not. Never a shell. */
export const call = (file, args, options = {}) =>
  new Promise((resolve, reject) => {
    const { input, ...rest } = options
    const child = execFile(file, args, { maxBuffer: 64 * 1024 * 1024, ...rest }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${file} ${args[0] ?? ''}: ${stderr.trim().split('\n').at(-1) || error.message}`))
    })
    if (input !== undefined) input.pipe(child.stdin)
  })

/** The same where a failure is an answer: null. */
export const attempt = (file, args, options) => call(file, args, options).catch(() => null)

const bootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

const startTime = (pid) => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' || state === 'X' ? null : fields[18]
  } catch {
    return null
  }
}

/** A process, told apart from a later one with its number. */
export const identify = (pid) => ({ pid, startTime: startTime(pid), bootId: bootId() })

export const isAlive = (identity) =>
  identity?.startTime != null && identity.bootId === bootId() && startTime(identity.pid) === identity.startTime

/** Asks until the answer is not null; null when the time is over. */
export const until = async (ms, look) => {
  const end = performance.now() + ms
  for (;;) {
    const found = await look()
    if (found !== null || performance.now() > end) return found
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}
