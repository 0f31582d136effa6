import { setTimeout as sleep } from 'node:timers/promises'
import type { DeploymentEvent } from '@appaloft/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { caddyProgram, noCaddy } from '../../../proxy-caddy/test/caddy.js'
import { haveEngine } from '../../../target-ssh/test/machine.js'
import { descendants, haveSshd, withoutSshd } from '../../../target-ssh/test/sshd.js'
import { MachineScene } from '../../test/machine/scene.js'

// All of the machine's sshd stand still in the middle of a deployment, for a while or for good.

const moments = ['fence', 'build', 'release-command', 'start', 'route', 'promote', 'drain'] as const
const wanted = process.env.APPALOFT_MOMENTS?.split(',') ?? moments

describe.skipIf(!haveSshd || !haveEngine || caddyProgram === null)(
  `an sshd that stands still ${withoutSshd}, ${noCaddy}`,
  () => {
    let scene: MachineScene
    beforeEach(async () => {
      scene = await MachineScene.open()
    })
    afterEach(() => scene?.close())

    const stop = () => {
      const pids = descendants(scene.sshd.pid)
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      return () => {
        for (const pid of pids) {
          try {
            process.kill(pid, 'SIGCONT')
          } catch {
            // Its connection was given up meanwhile.
          }
        }
      }
    }

    const cases = moments
      .filter((moment) => wanted.includes(moment))
      .flatMap((moment) => (['for a while', 'for good'] as const).map((how) => ({ moment, how })))
    it.each(cases)('at $moment, $how: the attempt ends, and what is said of it is so', async ({ moment, how }) => {
      expect(await scene.agrees(await scene.deploy('first'))).toBe('succeeded')
      scene.startUsers()
      let stopped = 0
      let back: Promise<void> | undefined
      let goOn: () => void = () => undefined
      const onEvent = ({ type, step }: DeploymentEvent) => {
        if (stopped !== 0 || type !== 'step-started' || step !== moment) return
        stopped = performance.now()
        goOn = stop()
        // Within the patience of the connection.
        if (how === 'for a while') back = sleep(9_000).then(() => goOn())
      }
      const attempt = await scene.deploy('second', () => undefined, { onEvent, connectTimeoutSeconds: 4 })
      const took = (performance.now() - stopped) / 1000
      expect(stopped).toBeGreaterThan(0)
      if (how === 'for good') {
        const { failure, rollback } = attempt.deployment
        console.log(
          `${moment}: ${attempt.deployment.status}, ${failure?.code}, rollback ${rollback?.outcome} after ${took.toFixed(0)} s`,
        )
        expect(took).toBeLessThan(180)
        if (failure !== null && failure !== undefined) {
          expect(['runtime-backend-unavailable', 'lease-lost', 'interrupted']).toContain(failure.code)
          // Of the machine, not of the socket here that led to it.
          if (failure.code === 'runtime-backend-unavailable') expect(failure.recoveryHint).toMatch(/machine/)
        }
      }
      await back
      goOn()
      const status = await scene.agrees(attempt)
      console.log(`${moment}, ${how}: ${status} after ${took.toFixed(0)} s`)
      if (how === 'for a while') expect(status).toBe('succeeded')
      await scene.stopUsers()
      expect(Object.keys(scene.counts).filter((said) => said !== 'first' && said !== 'second')).toEqual([])
      expect(await scene.agrees(await scene.deploy('third'))).toBe('succeeded')
    })
  },
)
