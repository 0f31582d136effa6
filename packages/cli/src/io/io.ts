import type { Input } from './input.js'
import type { Output } from './output.js'
import type { Signals } from './signals.js'

/** The outside world of a command. Tests give their own. */
export interface Io {
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
  readonly signals: Signals
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Milliseconds of a monotonic clock. */
  now(): number
}
