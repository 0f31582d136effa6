import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Ahead } from './looks.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('a login is for one use, and forgotten where that never comes', async () => {
  const login = { username: 'robot', password: 'word' }
  const used = new Ahead()
  used.login = Promise.resolve(login)
  expect(await used.takeLogin()).toEqual(login)
  expect(used.takeLogin()).toBeUndefined()
  const unused = new Ahead()
  unused.login = Promise.resolve(login)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(unused.takeLogin()).toBeUndefined()
})
