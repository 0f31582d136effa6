import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { caddyProgram, noCaddy } from '../../../proxy-caddy/test/caddy.js'
import { haveEngine } from '../../../target-ssh/test/machine.js'
import { haveSshd, withoutSshd } from '../../../target-ssh/test/sshd.js'
import { numbers } from '../../test/encoders.js'
import { cutDeployment } from '../../test/machine/cuts.js'
import { MachineScene } from '../../test/machine/scene.js'

// 200 cuts in the middle of deployments, one to eight in each. APPALOFT_SEED and APPALOFT_FROM=N go on with a run at its Nth deployment,
// APPALOFT_CUTS=N makes so many cuts.

const seed = Number(process.env.APPALOFT_SEED ?? Date.now() % 100_000)
const from = Number(process.env.APPALOFT_FROM ?? 0)
const wanted = Number(process.env.APPALOFT_CUTS ?? 200)

describe.skipIf(!haveSshd || !haveEngine || caddyProgram === null)(
  `a connection that is cut ${wanted} times ${withoutSshd}, ${noCaddy}`,
  () => {
    let scene: MachineScene
    beforeAll(async () => {
      scene = await MachineScene.open()
    })
    afterAll(() => scene?.close())

    it('all attempts end truthfully, nothing is done twice, and no user notices', async () => {
      expect(await scene.agrees(await scene.deploy('first'))).toBe('succeeded')
      scene.startUsers()
      const ends: Record<string, number> = {}
      let cuts = 0
      for (let index = from; cuts < wanted; index += 1) {
        const told = await cutDeployment(scene, { seed, index, cuts: 1 + Math.floor(numbers(seed + index)() * 8) })
        cuts += told.made
        ends[told.status] = (ends[told.status] ?? 0) + 1
        console.log(`seed ${seed}, deployment ${index}, ${cuts} cuts: ${JSON.stringify(told)}`)
        const errors = Object.entries(scene.counts).filter(([said]) => !/^(?:first|release-\d+)$/.test(said))
        expect(errors).toEqual([])
      }
      await scene.stopUsers()
      const answers = Object.values(scene.counts).reduce((sum, one) => sum + one, 0)
      console.log(`${cuts} cuts; ${JSON.stringify(ends)}; ${answers} answers, none of them an error`)
      expect(ends.succeeded ?? 0).toBeGreaterThan(0.95 * Object.values(ends).reduce((sum, one) => sum + one, 0))
    })
  },
)
