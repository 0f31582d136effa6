import { describe, expect, it } from 'vitest'
import { systemClock } from './clock.js'

describe('systemClock', () => {
  const clock = systemClock()

  it('tells wall time and a time that never goes back', () => {
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1000)
    const first = clock.monotonic()
    expect(clock.monotonic()).toBeGreaterThanOrEqual(first)
  })

  it('sleeps at least as long as asked', async () => {
    const start = clock.monotonic()
    await clock.sleep(20)
    expect(clock.monotonic() - start).toBeGreaterThanOrEqual(18)
  })

  it('rejects with the reason of the signal, also when it was aborted before', async () => {
    const reason = new Error('enough')
    const abort = new AbortController()
    const sleeping = clock.sleep(60_000, { signal: abort.signal })
    abort.abort(reason)
    await expect(sleeping).rejects.toBe(reason)
    await expect(clock.sleep(1, { signal: abort.signal })).rejects.toBe(reason)
  })

  it('does not return at once from a wait longer than a timer can hold', async () => {
    const abort = new AbortController()
    let over = false
    const sleeping = clock.sleep(2 ** 31 + 5, { signal: abort.signal }).then(
      () => {
        over = true
      },
      () => {},
    )
    await clock.sleep(20)
    expect(over).toBe(false)
    abort.abort()
    await sleeping
  })

  it('keeps the process alive, but not with unref', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const abort = new AbortController()
    const before = timers()
    const loose = clock.sleep(60_000, { unref: true, signal: abort.signal }).catch(() => {})
    expect(timers()).toBe(before)
    const held = clock.sleep(60_000, { signal: abort.signal }).catch(() => {})
    expect(timers()).toBe(before + 1)
    abort.abort()
    await Promise.all([loose, held])
  })
})
