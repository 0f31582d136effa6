import { join } from 'node:path'
import { plannerFixtures } from '@appaloft/testkit'
import { it } from 'vitest'
import { mutate } from '../test/hostile.js'

const samples = plannerFixtures(join(import.meta.dirname, '../fixtures')).map(({ sample }) => sample)

it.each([1, 2, 3, 4, 5])('answers 10,000 mutated files with plans or reasons, seed %i', async (seed) => {
  await mutate(samples, 10_000, seed)
})
