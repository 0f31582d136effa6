import { type ExitCode, exitCodes } from '../exit-codes.js'

export type StopSignal = 'SIGINT' | 'SIGTERM'

/** What the terminal or the system tells the process. */
export interface Signals {
  /**
   * While held, the first SIGINT or SIGTERM is told to the listener instead of ending the process (a second one ends it at once), and a closed
   * terminal is ignored. Returns the end of the hold.
   *
   * @param last said on stderr where a second signal ended it
   */
  hold(listener: (signal: StopSignal) => void, last?: string): () => void
  /** The signal that a holder was told. */
  readonly stopped: StopSignal | undefined
}

/** What a second signal leaves behind of an attempt. */
export const leftWords = 'ended at once: the next command, or appaloft reconcile, brings what was begun to its end'

export const exitCodeOfSignal = (signal: StopSignal): ExitCode =>
  signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated

/** The signals of this process. `leave` ends it: it restores the terminal first, with `last` words. */
export function processSignals(leave: (code: ExitCode, last?: string) => void): Signals {
  const holders = new Map<(signal: StopSignal) => void, string | undefined>()
  let stopped: StopSignal | undefined
  const onStop = (signal: StopSignal) => {
    if (holders.size === 0 || stopped !== undefined)
      return leave(exitCodeOfSignal(signal), [...holders.values()].at(-1))
    stopped = signal
    for (const listener of holders.keys()) listener(signal)
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
    hold(listener, last) {
      holders.set(listener, last)
      return () => holders.delete(listener)
    },
  }
}
