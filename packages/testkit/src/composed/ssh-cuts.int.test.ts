import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { caddyProgram, noCaddy } from '../../../proxy-caddy/test/caddy.js'
import { haveEngine } from '../../../target-ssh/test/machine.js'
import { haveSshd, withoutSshd } from '../../../target-ssh/test/sshd.js'
import { cutDeployment } from '../../test/machine/cuts.js'
import { MachineScene } from '../../test/machine/scene.js'

// The connection to a machine is cut in the middle of deployments; ssh-cuts.soak.test.ts does it at 200 points.

const seed = Number(process.env.APPALOFT_SEED ?? Date.now() % 100_000)

describe.skipIf(!haveSshd || !haveEngine || caddyProgram === null)(
  `a connection that is cut ${withoutSshd}, ${noCaddy}`,
  () => {
    let scene: MachineScene
    beforeAll(async () => {
      scene = await MachineScene.open()
    })
    afterAll(() => scene?.close())

    it('deployments succeed all the same, nothing is done twice, and no user notices', {
      timeout: 240_000,
    }, async () => {
      const first = await scene.deploy('first')
      expect(await scene.agrees(first)).toBe('succeeded')
      scene.startUsers()
      const told = await cutDeployment(scene, { seed, index: 0, cuts: 5 })
      console.log(`seed ${seed}: ${JSON.stringify(told)}`)
      await scene.stopUsers()
      expect(told.made).toBeGreaterThan(0)
      expect(told.status).toBe('succeeded')
      expect(Object.keys(scene.counts).sort()).toEqual(['first', 'release-0'])
    })
  },
)
