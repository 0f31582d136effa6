import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Proxy } from '@appaloft/core/spec'
import {
  applicable,
  fakeProxy,
  nodeSamples,
  type TargetFactory,
  targetAbilities,
  targetConformance,
} from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { shutdown, process as target } from './index.js'

const make = (proxy: Proxy = fakeProxy()) => target({ proxy })

const factory: TargetFactory = {
  samples: nodeSamples,
  create: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-target-'))
    const stateDir = join(folder, 'state')
    const again = async () => {
      const made = make()
      await made.open?.({ stateDir })
      return made
    }
    return {
      target: await again(),
      again,
      close: async () => {
        await shutdown(stateDir, { force: true })
        await rm(folder, { recursive: true, force: true, maxRetries: 10 })
      },
    }
  },
}

describe('the process target', () => {
  const abilities = [...targetAbilities(make()), 'processes', 'files', 'restarts']
  const { run, skipped } = applicable(targetConformance, abilities)
  for (const one of run) it(one.title, () => one.run(factory))
  it('leaves out what is for machines that engines with stores of their own share', () => {
    expect(new Set(skipped.flatMap((one) => one.missing))).toEqual(new Set(['lease', 'records']))
  })
})
