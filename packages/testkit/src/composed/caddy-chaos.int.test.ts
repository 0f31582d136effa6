import { caddy } from '@appaloft/proxy-caddy'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { caddyProgram, noCaddy, startCaddy, type TestCaddy } from '../../../proxy-caddy/test/caddy.js'
import { ChaosScene, needsOwn, type OwnEngine, ownEngine, parts } from '../../test/chaos/scene.js'

// A Caddy that is killed beside a Docker Engine, while a release is made and as its traffic moves.

const soak = process.env.APPALOFT_SOAK === '1'
const hostname = 'web.example.test'
let engine: OwnEngine
let program: TestCaddy | undefined
let scene: ChaosScene | undefined

const whens = ['while the candidate starts', 'right before the traffic moves', 'right after the traffic moves'] as const
// It is started again as a service manager does it, or when the attempt has given up.
const all = whens.flatMap((when) => (['at once', 'later'] as const).map((returns) => ({ when, returns })))
const some = all.filter(({ when, returns }) => (returns === 'at once') === (when === whens[2]) && when !== whens[0])

describe.skipIf(parts === undefined || caddyProgram === null)(
  `a Caddy that is killed (${needsOwn}, and ${noCaddy})`,
  () => {
    beforeAll(async () => {
      engine = await ownEngine()
      return () => engine.close()
    }, 120_000)
    afterEach(async () => {
      await scene?.appaloft.resources.remove('res_web', { volumes: true })
      await scene?.close()
      await program?.close()
    })

    it.each(soak ? all : some)(
      '$when, and started $returns: record, engine and users agree on who is live',
      async ({ when, returns }) => {
        const one = await startCaddy()
        program = one
        const proxy = caddy({ admin: one.admin, http: one.http, https: one.https, tls: 'off' })
        const here = await ChaosScene.open(engine, { proxy, hostname })
        scene = here
        const first = await here.deploy({ text: 'first' })
        expect(first).toMatchObject({ status: 'succeeded' })
        let killed = false
        const outage = async () => {
          killed = true
          await one.kill()
          if (returns === 'at once') await one.start()
        }
        const apply = proxy.apply.bind(proxy)
        proxy.apply = async (resourceId, table, ...rest) => {
          const promotes = !killed && table.live !== null && table.live.deploymentId !== first.id
          if (promotes && when === whens[1]) await outage()
          await apply(resourceId, table, ...rest)
          if (promotes && when === whens[2]) await outage()
        }
        let starting: Promise<void> | undefined
        const users = here.users()
        const attempt = await here.begin({ text: 'second' }, ({ type, step }) => {
          if (when === whens[0] && type === 'step-started' && step === 'start') starting ??= outage()
        })
        const second = await attempt.done
        await starting
        expect(killed).toBe(true)
        if (returns === 'later') await one.start()
        const status = await here.agrees(second, { [first.id]: 'first', [second.id]: 'second' })
        await users.stop()
        const { first: former = 0, second: latter = 0, ...failed } = users.counts
        const why = second.failure == null ? '' : ` (${second.failure.code}), rollback ${second.rollback?.outcome}`
        console.log(
          `${when}, started ${returns}: ${status}${why}; ${former + latter} answers, ${JSON.stringify(failed)}`,
        )
        expect(former).toBeGreaterThan(0)
        // Nobody met a release that was never given the traffic.
        if (status !== 'succeeded' && when !== whens[2]) expect(latter).toBe(0)
        expect(Object.keys(failed).every((said) => said.startsWith('error: '))).toBe(true)
        const third = await here.deploy({ text: 'third' })
        expect(third, JSON.stringify(third.failure)).toMatchObject({ status: 'succeeded' })
        await here.agrees(third, { [third.id]: 'third' })
      },
      240_000,
    )
  },
)
