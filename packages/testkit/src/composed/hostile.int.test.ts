import { expect, it } from 'vitest'
import { survive } from '../../test/hostile/survive.js'

it('plans 300 mutated sources, or says why not', async () => {
  const { plans, blocked } = await survive(300, 20_261_127)
  expect(plans).toBe(300)
  // Both ends are met: nothing is so broken that all of it is refused.
  expect(blocked).toBeGreaterThan(60)
  expect(blocked).toBeLessThan(270)
}, 180_000)
