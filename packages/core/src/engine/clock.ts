import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../spec/clock.js'

/** Timers of Node hold 31 bits of milliseconds; a longer wait is made of several. */
const longest = 2 ** 31 - 1

/** The time of this machine. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    async sleep(ms, { signal, unref = false } = {}) {
      const end = performance.now() + ms
      for (let left = ms; ; left = end - performance.now()) {
        try {
          await delay(Math.min(Math.max(left, 0), longest), undefined, { ref: !unref, ...(signal ? { signal } : {}) })
        } catch (error) {
          // Node wraps the reason in an error of its own; the contract promises the reason itself.
          signal?.throwIfAborted()
          throw error
        }
        if (left <= longest) return
      }
    },
  }
}
