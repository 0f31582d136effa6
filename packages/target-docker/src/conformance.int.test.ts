import {
  applicable,
  fakeProxy,
  nodeSamples,
  type TargetFactory,
  targetAbilities,
  targetConformance,
} from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { haveEngine, machine, withoutEngine } from '../test/engine.js'
import { docker } from './index.js'

const factory: TargetFactory = {
  samples: nodeSamples,
  patienceMs: 20_000,
  create: () => machine({ proxy: fakeProxy(), records: true }),
}

// Its fence is one of names; what is promised of one that compares holds for it too.
const abilities = [
  ...targetAbilities(docker({ proxy: fakeProxy(), records: true })),
  'fencing:compare',
  'files',
  'restarts',
]
const { run, skipped } = applicable(targetConformance, abilities)

describe.skipIf(!haveEngine)(`the Docker target ${haveEngine ? '' : withoutEngine}`, () => {
  for (const one of run) it(one.title, () => one.run(factory), 120_000)

  it('leaves out what is about processes and ports of this machine', () => {
    expect(
      skipped.every(({ missing }) => missing.every((ability) => ['processes', 'network:shared'].includes(ability))),
    ).toBe(true)
  })
})
