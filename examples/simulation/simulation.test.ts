import { expect, it } from 'vitest'
import { prove } from './index.js'

it('a composition keeps the promises of the engine', { timeout: 60_000 }, async () => {
  expect(await prove(60, 1)).toMatch(/^60 runs from seed 1, \d+ steps, 0 violations$/)
})
