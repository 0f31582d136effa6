/**
 * Time, injected. Waits of the engine go through it, so that a test can run an hour in a millisecond.
 * Wall time is for people only; durations and leases are judged by `monotonic`.
 */
export interface Clock {
  /** Wall time in milliseconds since 1970. May jump. */
  now(): number
  /** Milliseconds on a clock that never goes back; its zero means nothing. */
  monotonic(): number
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when aborted. Does not by itself keep the process alive where `unref` is set. */
  sleep(ms: number, options?: { signal?: AbortSignal; unref?: boolean }): Promise<void>
}
