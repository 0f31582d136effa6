import { AppaloftError, type Host } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { lasting, withLifeline } from './lifeline.js'

const gone = new Error('it does not answer')
const cut = () => new AppaloftError('runtime-backend-unavailable')

/** A host whose connections are lost when the test says so. */
function machine({ returns = true } = {}) {
  const line = {
    made: 1,
    failed: 0,
    failure: gone,
    asked: 0,
    lost: false,
    alive: async () => {
      line.asked += 1
      if (line.lost && !returns) throw gone
      if (line.lost) line.made += 1
      line.lost = false
    },
  }
  return { host: withLifeline({ key: 'far' } as Host, line), line }
}

it('work that lost its connection is done again over the next one', async () => {
  const { host, line } = machine()
  let tries = 0
  const work = async () => {
    tries += 1
    if (tries > 3) return 'done'
    line.lost = true
    throw cut()
  }
  expect(await lasting(host, undefined, work)).toBe('done')
  expect([tries, line.made]).toEqual([4, 4])
})

it('what fails over a connection that holds fails once', async () => {
  const { host, line } = machine()
  let tries = 0
  const error = cut()
  const work = () => {
    tries += 1
    return Promise.reject(error)
  }
  await expect(lasting(host, undefined, work)).rejects.toBe(error)
  expect([tries, line.asked]).toEqual([1, 1])
})

it('the first connection of all is no new one', async () => {
  const { host, line } = machine()
  line.made = 0
  let tries = 0
  const work = () => {
    tries += 1
    line.made = 1
    return Promise.reject(cut())
  }
  await expect(lasting(host, undefined, work)).rejects.toThrow()
  expect(tries).toBe(1)
})

it.each([
  ['a newer holder', () => new AppaloftError('fenced')],
  ['a caller’s fault', () => new AppaloftError('invalid-input')],
])('%s is told at once', async (_, error) => {
  const { host, line } = machine()
  line.lost = true
  await expect(lasting(host, undefined, () => Promise.reject(error()))).rejects.toThrow()
  expect(line.asked).toBe(0)
})

it('a machine that does not come back is told as such, and not waited for twice', async () => {
  const { host, line } = machine({ returns: false })
  line.lost = true
  await expect(lasting(host, undefined, () => Promise.reject(cut()))).rejects.toBe(gone)
  const waited = () => {
    line.failed += 1
    return Promise.reject(cut())
  }
  await expect(lasting(host, undefined, waited)).rejects.toBe(gone)
  expect(line.asked).toBe(1)
})

it('an abort ends it, and so does a connection that never holds', async () => {
  const { host, line } = machine()
  const aborting = new AbortController()
  let tries = 0
  const work = () => {
    tries += 1
    line.lost = true
    if (tries === 2) aborting.abort(new Error('enough'))
    return Promise.reject(cut())
  }
  await expect(lasting(host, aborting.signal, work)).rejects.toThrow()
  expect(tries).toBe(2)
  tries = 2
  await expect(lasting(host, undefined, work)).rejects.toThrow()
  expect(tries).toBe(12)
})

it('other hosts are left alone', async () => {
  let tries = 0
  const work = () => {
    tries += 1
    return Promise.reject(cut())
  }
  await expect(lasting({ key: 'other' } as Host, undefined, work)).rejects.toThrow()
  expect(tries).toBe(1)
})
