import { execFileSync } from 'node:child_process'
import type { Deployment } from '@appaloft/core'
import { afterEach, describe, expect, it } from 'vitest'
import { ChaosScene, needsOwn, type OwnEngine, ownEngine, parts } from '../../test/chaos/scene.js'

// A Docker Engine that dies under a deployment: one of the test's own, never the one that is here.

const soak = process.env.APPALOFT_SOAK === '1'
let engine: OwnEngine | undefined
let scene: ChaosScene

async function open(dockerd: readonly string[] = []): Promise<OwnEngine> {
  engine = await ownEngine({ dockerd })
  scene = await ChaosScene.open(engine)
  return engine
}
afterEach(async () => {
  await scene?.close()
  await engine?.close()
})

const succeeded = async (text: string): Promise<Deployment> => {
  const deployment = await scene.deploy({ text })
  expect(deployment).toMatchObject({ status: 'succeeded' })
  return deployment
}

const ways = [
  ['without live-restore', [], 'SIGTERM'],
  ['with live-restore', ['--live-restore'], 'SIGTERM'],
  ['by a crash', [], 'SIGKILL'],
  ['by a crash with live-restore', ['--live-restore'], 'SIGKILL'],
] as const

describe.skipIf(parts === undefined)(`an engine that dies (${needsOwn})`, () => {
  // The others are stopped and started below, as traffic moves.
  it.each(soak ? ways : ways.filter(([how]) => how === 'by a crash'))(
    'stopped and started %s, the live release answers where it did',
    async (_, dockerd, signal) => {
      const own = await open(dockerd)
      await succeeded('first')
      await own.stop(signal)
      if (dockerd.length > 0 && signal === 'SIGTERM') expect(containersLive()).toBe(true)
      await own.start()
      // After a crash the engine ends what it finds running and starts none of it again, whatever its restart policy.
      if (signal === 'SIGKILL') await scene.appaloft.reconcile()
      expect(await scene.served()).toBe('first')
      const second = await succeeded('second')
      expect(await scene.served()).toBe('second')
      expect(scene.containers()).toEqual([`running ${second.id}`])
    },
    180_000,
  )

  const middles = ways.flatMap(([how, dockerd, signal]) =>
    (['build', 'boot'] as const).map((slow) => ({ how, slow, dockerd, signal })),
  )
  it.each(soak ? middles : middles.filter(({ how }) => how === 'by a crash'))(
    'stopped $how in the middle of a slow $slow: a truthful end, and the old release serves',
    async ({ slow, dockerd, signal }) => {
      const own = await open(dockerd)
      await succeeded('first')
      const attempt = await scene.begin({ text: 'second', slow })
      for await (const envelope of attempt.events()) {
        if (envelope.kind !== 'event') continue
        const { type, step, phase, message } = envelope.event
        const there =
          slow === 'build' ? type === 'log' && message === 'building' : type === 'phase-started' && phase === 'verify'
        if (there || (type === 'deployment-finished' && step === undefined)) break
      }
      await own.stop(signal)
      const second = await attempt.done
      expect(second.status).toBe('failed')
      expect(second.failure?.code).toBe('runtime-backend-unavailable')
      await own.start()
      await scene.appaloft.reconcile()
      expect(await scene.served()).toBe('first')
      const third = await succeeded('third')
      expect(await scene.served()).toBe('third')
      expect(scene.containers()).toEqual([`running ${third.id}`])
    },
    180_000,
  )

  const moments = ways.flatMap(([how, dockerd, signal]) =>
    (['before', 'after'] as const).flatMap((moment) =>
      // It comes back while the attempt is at it, as with a service manager; or when that has given up.
      (['at once', 'later'] as const).map((returns) => ({ how, moment, returns, dockerd, signal })),
    ),
  )
  const some = moments.filter(
    ({ how, moment, returns }) =>
      returns === 'at once' && moment === (how === 'with live-restore' ? 'before' : 'after'),
  )
  it.each(soak ? moments : some.slice(0, 2))(
    'stopped $how right $moment the traffic moves, and started $returns: record, engine and users agree on who is live',
    async ({ how, moment, returns, dockerd, signal }) => {
      const own = await open(dockerd)
      const first = await succeeded('first')
      const { proxy } = scene
      const apply = proxy.apply.bind(proxy)
      let stopped = false
      const outage = async () => {
        await own.stop(signal)
        if (returns === 'at once') await own.start()
      }
      proxy.apply = async (resourceId, table, ...rest) => {
        const promotes = !stopped && table.live !== null && table.live.deploymentId !== first.id
        if (promotes) stopped = true
        if (promotes && moment === 'before') await outage()
        await apply(resourceId, table, ...rest)
        if (promotes && moment === 'after') await outage()
      }
      const second = await scene.deploy({ text: 'second' })
      expect(stopped).toBe(true)
      if (returns === 'later') await own.start()
      const status = await scene.agrees(second, { [first.id]: 'first', [second.id]: 'second' })
      const why = second.failure == null ? '' : ` (${second.failure.code}), rollback ${second.rollback?.outcome}`
      console.log(`stopped ${how} ${moment} the traffic moves, started ${returns}: ${status}${why}`)
      const third = await succeeded('third')
      await scene.agrees(third, { [third.id]: 'third' })
    },
    240_000,
  )
})

/** Its processes outlive the engine. */
function containersLive(): boolean {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes('node /srv/server.js')
}
