import { expect, it } from 'vitest'
import { unlessAborted } from './aborting.js'

const enough = new Error('enough')
const never = new Promise<never>(() => undefined)

it('answers as the work does, and lets the signal be', async () => {
  const { signal } = new AbortController()
  expect(await unlessAborted(Promise.resolve(1), signal)).toBe(1)
  expect(await unlessAborted(Promise.resolve(2), undefined)).toBe(2)
  await expect(unlessAborted(Promise.reject(enough), signal)).rejects.toBe(enough)
})

it('ends with the signal, before or while it waits, and whatever becomes of the work', async () => {
  await expect(unlessAborted(never, AbortSignal.abort(enough))).rejects.toBe(enough)
  // Unhandled, it would end the process.
  await expect(unlessAborted(Promise.reject(new Error('late')), AbortSignal.abort(enough))).rejects.toBe(enough)
  const aborting = new AbortController()
  const waited = unlessAborted(never, aborting.signal)
  aborting.abort(enough)
  await expect(waited).rejects.toBe(enough)
})
