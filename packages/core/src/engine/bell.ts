import type { Clock } from '../spec/clock.js'

/** One who waits, and others who ring: a ring that comes before the wait ends it at once, so that none is missed. */
export class Bell {
  private rung = false
  private waiting: AbortController | undefined

  ring(): void {
    this.rung = true
    this.waiting?.abort()
  }

  /** Resolves at the next ring (true), after the time, or when aborted. The wait keeps the process alive. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.rung && !signal.aborted) {
      const waiting = new AbortController()
      this.waiting = waiting
      const abort = () => waiting.abort()
      signal.addEventListener('abort', abort, { once: true })
      await clock.sleep(ms, { signal: waiting.signal }).catch(() => undefined)
      signal.removeEventListener('abort', abort)
      this.waiting = undefined
    }
    const { rung } = this
    this.rung = false
    return rung
  }
}
