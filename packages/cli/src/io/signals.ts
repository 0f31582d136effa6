import { type ExitCode, exitCodes } from '../exit-codes.js'

export type StopSignal = 'SIGINT' | 'SIGTERM'

/** What the terminal or the system tells the process. */
export interface Signals {
  /**
   * While held, the first SIGINT or SIGTERM is told to the listener instead of ending the process (a second one ends it at once), and a closed
   * terminal is ignored. Returns the end of the hold.
   */
  hold(listener: (signal: StopSignal) => void): () => void
  /** The signal that a holder was told. */
  readonly stopped: StopSignal | undefined
}

export const exitCodeOfSignal = (signal: StopSignal): ExitCode =>
  signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated

/** The signals of this process. `leave` ends it: it restores the terminal first. */
export function processSignals(leave: (code: ExitCode) => void): Signals {
  const holders = new Set<(signal: StopSignal) => void>()
  let stopped: StopSignal | undefined
  const onStop = (signal: StopSignal) => {
    if (holders.size === 0 || stopped !== undefined) return leave(exitCodeOfSignal(signal))
    stopped = signal
    for (const listener of holders) listener(signal)
  }
  process.on('SIGINT', () => onStop('SIGINT'))
  process.on('SIGTERM', () => onStop('SIGTERM'))
  process.on('SIGHUP', () => {
    if (holders.size === 0) leave(exitCodes.hangup)
  })
  return {
    get stopped() {
      return stopped
    },
    hold(listener) {
      holders.add(listener)
      return () => holders.delete(listener)
    },
  }
}
