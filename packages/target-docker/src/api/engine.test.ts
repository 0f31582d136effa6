import { expect, it } from 'vitest'
import { EngineError } from './client.js'
import { unlessGone } from './engine.js'

it.each([
  ['looks again where something has gone meanwhile', 404, 2, 'found'],
  ['gives up where it stays away', 404, 9, 3],
  ['repeats nothing that failed otherwise', 500, 1, 1],
])('%s', async (_, status, failures, expected) => {
  let tries = 0
  const act = async () => {
    tries += 1
    if (tries <= failures) throw new EngineError(status, 'No such container: abc')
    return 'found'
  }
  const result = await unlessGone(act).catch(() => tries)
  expect(result).toBe(expected)
})
