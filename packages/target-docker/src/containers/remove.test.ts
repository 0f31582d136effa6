import { expect, it } from 'vitest'
import { EngineError } from '../api/client.js'
import type { Engine } from '../api/engine.js'
import { removeAtLast } from './remove.js'

/** Says that somebody else removes it, so often that it is there. */
const removing = (looks: number) => {
  let left = looks
  const refused = new EngineError(409, 'removal of container is already in progress')
  const engine = { remove: () => Promise.reject(refused), container: async () => (left-- > 0 ? {} : null) }
  return engine as unknown as Engine
}

it('what is on its way is waited for until it is gone', async () => {
  expect(await removeAtLast(removing(3), 'one', {})).toBe(true)
})

it('what does not go is not told as gone', async () => {
  await expect(removeAtLast(removing(100), 'one', {}, 3)).rejects.toThrow('in progress')
})
