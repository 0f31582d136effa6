import { expect, it } from 'vitest'
import { survive } from '../../test/hostile/survive.js'

it.each([1, 2, 3, 4, 5])('plans 10,000 mutated sources, or says why not, seed %i', async (seed) => {
  const result = await survive(10_000, seed)
  console.log(JSON.stringify(result))
  expect(result.plans).toBe(10_000)
})
