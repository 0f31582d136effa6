import { describe, expect, it } from 'vitest'
import { applicable } from '../conformance/suite.js'
import { fakeSamples, type TargetFactory, targetAbilities, targetConformance } from '../conformance/target.js'
import { FakeWorld, fakeTarget } from './index.js'

const factory: TargetFactory = {
  samples: fakeSamples,
  create: async () => {
    const world = new FakeWorld()
    return {
      target: fakeTarget({ world }),
      again: async () => fakeTarget({ world }),
      close: () => world.close(),
    }
  },
}

describe('the fake target', () => {
  const { run, skipped } = applicable(targetConformance, targetAbilities(fakeTarget()))
  for (const one of run) it(one.title, () => one.run(factory))
  it('leaves out only what it does not have: real processes, files, restarts and replicas', () => {
    const missing = new Set(skipped.flatMap((one) => one.missing))
    expect([...missing].sort()).toEqual(['files', 'processes', 'replicas', 'restarts'])
  })
})
