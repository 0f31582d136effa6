import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  applicable,
  fakeProxy,
  nodeSamples,
  type TargetFactory,
  targetAbilities,
  targetConformance,
} from '@appaloft/testkit'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { cli, nodeImage, removeScope, testScope } from '../../target-docker/test/engine.js'
import { type FarMachine, farMachine, haveMachines, withoutMachines } from '../test/engines.js'
import { ssh } from './target.js'

const abilities = targetAbilities(ssh({ host: { destination: 'nowhere' }, proxy: fakeProxy() }))
const { run } = applicable(targetConformance, [...abilities, 'fencing:compare', 'files', 'restarts'])

describe.skipIf(!haveMachines)(`the target whose images are made here ${haveMachines ? '' : withoutMachines}`, () => {
  let machine: FarMachine
  beforeAll(async () => {
    // The base of them all is there: sending it is looked at elsewhere.
    machine = await farMachine({ images: [nodeImage] })
  }, 60_000)
  afterAll(() => machine?.close(), 60_000)

  const factory: TargetFactory = {
    samples: nodeSamples,
    patienceMs: 30_000,
    create: async () => {
      const [folder, scope] = [await mkdtemp(join(tmpdir(), 'appaloft-elsewhere-')), testScope()]
      const opened: ReturnType<typeof ssh>[] = []
      const again = async () => {
        const common = { build: 'local' as const, cli, scope, baseImage: () => nodeImage }
        const made = ssh({ ...machine.options(), ...common, proxy: fakeProxy() })
        await made.open?.({ stateDir: join(folder, 'state') })
        opened.push(made)
        return made
      }
      const close = async () => {
        for (const one of opened) await one.close?.()
        await removeScope(scope, machine.engine.host)
        await removeScope(scope)
        await rm(folder, { recursive: true, force: true })
      }
      return { target: await again(), again, close }
    },
  }
  // All of them with APPALOFT_SOAK=1; in npm test those that what is made elsewhere has a part in.
  const all = process.env.APPALOFT_SOAK === '1'
  const sample = /^target\.(build\.once|discard)$/
  for (const one of run.filter(({ id }) => all || sample.test(id))) it(one.title, () => one.run(factory), 120_000)
})
