import { expect, it } from 'vitest'
import { prove } from './index.js'

it('tells its seed, and goes the same way again', async () => {
  const told = await prove(3, 42)
  expect(told).toMatch(/^seed 42: 3 schedules, \d+ steps, no promise broken$/)
  expect(await prove(3, 42)).toBe(told)
})
