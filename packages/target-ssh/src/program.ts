import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'

export interface Program {
  child: ChildProcessWithoutNullStreams
  /** The end of what it said on standard error. */
  said(): string
  /** With all it started: a ProxyCommand, the ssh of a jump host. */
  kill(signal?: NodeJS.Signals): void
  /** Its exit code; `missing` where there is no such program. Never rejects. */
  ended: Promise<number | null | 'missing'>
}

const saidBytes = 8192

/** Starts an ssh in a process group of its own: Ctrl-C at this terminal is for the engine, which still needs the connection then. */
export function startProgram(file: string, args: readonly string[]): Program {
  const env = { ...process.env, LC_ALL: 'C', SSH_ASKPASS_REQUIRE: 'never' }
  const child = spawn(file, [...args], { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  let text = ''
  child.stderr.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-saidBytes)
  })
  child.stdin.on('error', () => undefined)
  const ended = new Promise<number | null | 'missing'>((resolve) => {
    child.on('error', () => {
      if (child.pid === undefined) resolve('missing')
    })
    child.on('close', (code) => resolve(code))
    // What it started may hold its standard error open for good.
    child.on('exit', (code) => setTimeout(resolve, 300, code).unref())
  })
  return {
    child,
    said: () => text,
    kill: (signal = 'SIGTERM') => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
      try {
        process.kill(-child.pid, signal)
      } catch {}
    },
    ended,
  }
}
