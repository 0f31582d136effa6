import { applicable, storeAbilities, storeConformance } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { memoryStore } from './memory.js'

describe('memoryStore', () => {
  const { run, skipped } = applicable(storeConformance, storeAbilities(memoryStore()))

  it.each(run.map((one) => [one.id, one] as const))('%s', async (_id, one) => {
    await one.run({ create: async () => memoryStore() })
  })

  it('is asked everything but what needs a second handle', () => {
    expect([...new Set(skipped.flatMap((one) => one.missing))].sort()).toEqual(['durable', 'shared'])
    expect(run.length).toBeGreaterThan(40)
  })

  it('is there for every engine of the process after one closed it', async () => {
    const store = memoryStore()
    await store.close()
    expect(await store.listDeployments()).toEqual([])
  })
})
