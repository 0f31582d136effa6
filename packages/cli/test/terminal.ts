import { spawn } from 'node:child_process'

export interface Terminal {
  /** All that was written to it so far, escapes included. */
  screen(): string
  type(keys: string): void
  /** The exit code of the command. */
  finished: Promise<number | null>
}

export const ctrlC = '\u0003'

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/** A command in a terminal of its own, made by util-linux's `script`: what is typed becomes signals as on any terminal. */
export function terminal(argv: readonly string[], options: { cwd?: string; env: Record<string, string> }): Terminal {
  const command = `exec ${argv.map(quoted).join(' ')}`
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    ...options,
    env: { ...options.env, TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  child.stdin.on('error', () => undefined)
  return {
    screen: () => text,
    type: (keys) => child.stdin.write(keys),
    finished: new Promise((done) => child.once('close', (code) => done(code))),
  }
}
