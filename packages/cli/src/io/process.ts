import { type ExitCode, exitCodes } from '../exit-codes.js'
import { showCursor } from '../output/ansi.js'
import { streamInput } from './input.js'
import type { Io } from './io.js'
import { FdOutput } from './output.js'
import { processSignals } from './signals.js'

/** The real process. */
export function processIo(): Io & { leave(code: ExitCode): void } {
  // The size alone is asked of the stream objects: they follow the window.
  const stdout: FdOutput = new FdOutput(1, () => (stdout.isTTY ? process.stdout : {}))
  const stderr: FdOutput = new FdOutput(2, () => (stderr.isTTY ? process.stderr : {}))
  // A closed terminal makes the stream objects fail too; nobody may die of that.
  if (stdout.isTTY) process.stdout.on('error', () => {})
  if (stderr.isTTY) process.stderr.on('error', () => {})
  const leave = (code: ExitCode) => process.exit(code)
  return {
    stdout,
    stderr,
    get stdin() {
      return streamInput(process.stdin, (text) => stderr.write(text))
    },
    signals: processSignals((code, last) => {
      if (stdout.isTTY && code !== exitCodes.hangup) stdout.write(showCursor)
      if (last !== undefined) stderr.write(`${last}\n`)
      void Promise.all([stdout.drained(), stderr.drained()]).then(() => leave(code))
      // A terminal that takes no output must not keep a second Ctrl-C waiting.
      setTimeout(() => leave(code), 200)
    }),
    env: process.env,
    cwd: process.cwd(),
    now: () => performance.now(),
    leave,
  }
}
