import { fakeTarget } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { gate, hurried, Scene, visit } from '../../test/engine.js'
import { memoryStore } from '../index.js'
import type {
  Appaloft,
  AppaloftOptions,
  CreateOptions,
  DeploymentEvent,
  Proxy,
  RouteTable,
  Store,
  Target,
} from '../spec/index.js'
import { AppaloftError } from '../spec/index.js'

// Two laptops that deploy to one machine: engines with nothing in common but that machine. Time passes faster than it does.

const times = 40

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

interface Laptop {
  engine: Appaloft
  store: Store
  /** Another program on it. */
  again(options?: Partial<AppaloftOptions>): Appaloft
}

/** @param change what stands between this laptop and the machine */
function laptop(
  options: Partial<AppaloftOptions> = {},
  change: (target: Target) => Partial<Target> = () => ({}),
): Laptop {
  const store = options.store ?? memoryStore()
  const again = (more: Partial<AppaloftOptions> = {}) => {
    // A machine that keeps leases and no records: with both, engines know what the others did.
    const sound = fakeTarget({ world: scene.world, records: false })
    const target = { ...sound, ...change(sound) }
    return scene.engine({ store, targets: [target], clock: hurried(times), ...options, ...more })
  }
  return { engine: again(), store, again }
}

/** Holds what this laptop calls, until it is let go or told to stop; without a heart nothing of it goes on meanwhile, as after SIGSTOP. */
function held(pick: (name: string, args: unknown[]) => boolean, heart = true) {
  const at = gate()
  const open = gate()
  let stopped = false
  const wait = async (name: string, args: unknown[]) => {
    if (stopped && !heart && name === 'beat') await open.reached
    if (!pick(name, args)) return
    stopped = true
    at.arrive()
    const signal =
      (args.at(-1) as { signal?: AbortSignal } | undefined)?.signal ?? (args[0] as { signal?: AbortSignal }).signal
    const aborted = new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    await Promise.race([open.reached, aborted])
  }
  const change = (target: Target): Partial<Target> => ({
    start: async (input) => {
      await wait('start', [input])
      await target.start(input)
    },
    lease: {
      ...target.lease!,
      beat: async (...args) => {
        await wait('beat', args)
        return target.lease!.beat(...args)
      },
    },
    proxy: {
      ...target.proxy!,
      apply: async (...args) => {
        await wait('apply', args)
        return target.proxy!.apply(...args)
      },
      observe: async (...args) => {
        await wait('observe', args)
        return target.proxy!.observe(...args)
      },
    },
  })
  return { change, reached: at.reached, goOn: open.arrive }
}

/** While its candidate starts. */
const starting = (name: string) => name === 'start'
/** Between the last check and the promotion. */
const promoting = (name: string, [, table]: unknown[]) =>
  name === 'apply' && (table as RouteTable).staged === null && (table as RouteTable).verify !== null

/** Only from its second deployment on. */
function later(pick: (name: string, args: unknown[]) => boolean, heart = true) {
  let on = false
  const one = held((name, args) => on && pick(name, args), heart)
  return { ...one, arm: () => (on = true) }
}

const begin = (engine: Appaloft, start = 'serve', options: CreateOptions = {}) =>
  engine.deployments.create({ resource: scene.definition(start) }, options)

const served = async () => {
  const { address } = await scene.target.proxy!.endpoint('res_shop')
  if (address.kind !== 'tcp') throw new Error('no port')
  return visit(`http://${address.host}:${address.port}/`)
}

/** Users who ask all the time. */
function users() {
  const answers: number[] = []
  let on = true
  const asking = (async () => {
    while (on) {
      answers.push((await served()).status)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  return async () => {
    on = false
    await asking
    return answers.filter((status) => status !== 200)
  }
}

describe('two engines with stores of their own', () => {
  it('the newer supersedes: the older gives way, removes its candidate, and traffic was never touched', async () => {
    const hold = later(starting)
    const a = laptop({}, hold.change)
    const b = laptop()
    const first = await (await begin(a.engine)).done
    const asked = users()
    hold.arm()
    const older = await begin(a.engine, 'serve text=two')
    await hold.reached
    const newer = await (await begin(b.engine, 'serve text=three')).done
    expect(newer).toMatchObject({ status: 'succeeded', failure: null })
    const loser = await older.done
    expect(loser).toMatchObject({
      status: 'superseded',
      supersededBy: newer.id,
      rollback: { outcome: 'restored', releaseId: first.release?.id },
    })
    expect(loser.nextActions.map((one) => one.verb)).toContain('redeploy')
    expect(await served()).toEqual({ status: 200, deployment: newer.id })
    expect(await scene.owned()).toEqual([newer.id])
    expect(await asked()).toEqual([])
    expect(await b.engine.deployments.show(newer.id)).toMatchObject({ status: 'succeeded' })
    await expect(older.promoted).rejects.toMatchObject({ code: 'superseded' })
  })

  it('with wait the second says for whom it waits, and comes after it', async () => {
    const hold = held(starting)
    const a = laptop({}, hold.change)
    const b = laptop({ concurrency: 'wait' })
    const older = await begin(a.engine)
    await hold.reached
    const said = gate()
    const events: DeploymentEvent[] = []
    const newer = await begin(b.engine, 'serve text=two', {
      onEvent: (event) => {
        events.push(event)
        if (event.type === 'warning') said.arrive()
      },
    })
    await said.reached
    expect(events.find((one) => one.type === 'warning')?.data).toEqual({
      code: 'deployment-in-progress',
      deploymentId: older.id,
    })
    hold.goOn()
    expect(await older.done).toMatchObject({ status: 'succeeded' })
    expect(await newer.done).toMatchObject({ status: 'succeeded' })
    expect((await served()).deployment).toBe(newer.id)
    expect(await scene.owned()).toEqual([newer.id])
  })

  it('with reject the second ends and names the first', async () => {
    const hold = held(starting)
    const a = laptop({}, hold.change)
    const b = laptop({ concurrency: 'reject' })
    const older = await begin(a.engine)
    await hold.reached
    const refused = await (await begin(b.engine, 'serve text=two')).done
    expect(refused).toMatchObject({
      status: 'failed',
      failure: { code: 'deployment-in-progress', phase: 'plan', message: expect.stringContaining(older.id) },
    })
    hold.goOn()
    expect(await older.done).toMatchObject({ status: 'succeeded' })
    expect((await served()).deployment).toBe(older.id)
  })

  it('one that is about to promote is not superseded: it finishes first', async () => {
    const hold = held(promoting)
    const a = laptop({}, hold.change)
    const b = laptop()
    const older = await begin(a.engine)
    await hold.reached
    const said = gate()
    const newer = await begin(b.engine, 'serve text=two', {
      onEvent: ({ type }) => type === 'warning' && said.arrive(),
    })
    await said.reached
    hold.goOn()
    expect(await older.done).toMatchObject({ status: 'succeeded' })
    expect(await newer.done).toMatchObject({ status: 'succeeded' })
    expect((await served()).deployment).toBe(newer.id)
  })

  it('paused between its last check and its promotion, the first is fenced and says so; the second serves', async () => {
    const hold = later(promoting, false)
    const a = laptop({}, hold.change)
    const b = laptop()
    const first = await (await begin(a.engine)).done
    const asked = users()
    hold.arm()
    const older = await begin(a.engine, 'serve text=two')
    await hold.reached
    const newer = await (await begin(b.engine, 'serve text=three')).done
    expect(newer).toMatchObject({ status: 'succeeded', failure: null })
    expect(await a.store.getDeployment(older.id)).toMatchObject({ status: 'verifying', promotion: 'intended' })
    hold.goOn()
    const loser = await older.done
    expect(loser).toMatchObject({ status: 'interrupted', supersededBy: newer.id, failure: { code: 'fenced' } })
    expect(loser.failure?.message).toContain(newer.id)
    expect(await served()).toEqual({ status: 200, deployment: newer.id })
    expect(await scene.owned()).toEqual([newer.id])
    expect(await asked()).toEqual([])
    expect((await a.store.getResource('res_shop'))?.live.fake?.deploymentId).toBe(first.id)
  })

  it('of one that died, the machine is taken over after the expiry, and nobody deletes anything', async () => {
    const hold = held(starting, false)
    const a = laptop({}, hold.change)
    const b = laptop()
    const older = await begin(a.engine)
    await hold.reached
    const newer = await (await begin(b.engine, 'serve text=two')).done
    expect(newer).toMatchObject({ status: 'succeeded', failure: null })
    // Its laptop is started again: the attempt ends there, and nothing of the other's is touched.
    const self = { bootId: '', pidNamespace: '', pid: 1, startTime: '' }
    const back = laptop({ store: a.store, liveness: { self, judge: () => 'dead' } }).engine
    const { ended, removed, routed } = await back.reconcile()
    expect({ ended, removed, routed }).toEqual({
      ended: [{ deploymentId: older.id, status: 'interrupted' }],
      removed: [],
      routed: [],
    })
    expect((await served()).deployment).toBe(newer.id)
    expect(await scene.owned()).toEqual([newer.id])
    expect(await back.deployments.show(older.id)).toMatchObject({
      supersededBy: newer.id,
      failure: { code: 'fenced' },
      recoveredBy: expect.any(String),
    })
    hold.goOn()
    expect(await older.done).toMatchObject({ status: 'interrupted' })
  })

  it('the second, when it begins, leaves alone what the first is doing, and what it did', async () => {
    const hold = later(starting)
    const a = laptop({}, hold.change)
    const b = laptop()
    await (await begin(b.engine)).done
    hold.arm()
    const running = await begin(a.engine, 'serve text=two')
    await hold.reached
    const calm = { ended: [], removed: [], routed: [], problems: [] }
    expect(await b.again().reconcile()).toEqual(calm)
    expect(await b.again().prune({ keep: 1 })).toMatchObject({ releases: [] })
    hold.goOn()
    expect(await running.done).toMatchObject({ status: 'succeeded' })
    expect(await b.again().reconcile()).toEqual(calm)
    expect((await served()).deployment).toBe(running.id)
    expect(await scene.owned()).toEqual([running.id])
  })

  it('one that fails leaves serving what the other deployed', async () => {
    const a = laptop()
    const b = laptop()
    await (await begin(b.engine)).done
    const live = await (await begin(a.engine, 'serve text=two')).done
    const asked = users()
    const failed = await (await begin(b.engine, 'serve status=500')).done
    expect(failed).toMatchObject({ status: 'failed', rollback: { outcome: 'nothing-to-restore' } })
    const fresh = await (await begin(laptop().engine, 'serve status=500')).done
    expect(fresh).toMatchObject({ status: 'failed' })
    expect(await served()).toEqual({ status: 200, deployment: live.id })
    expect(await scene.owned()).toEqual([live.id])
    expect(await asked()).toEqual([])
  })

  describe('of one whose promotion worked and failed', () => {
    let a: Laptop
    let b: Laptop
    let hold: ReturnType<typeof held>
    let live: string
    let before: RouteTable | null
    let dies: boolean
    const tableNow = async () => (await scene.target.proxy!.observe('res_shop')).table

    beforeEach(async () => {
      let promoted = false
      dies = true
      hold = held((name) => name === 'observe' && promoted && dies, false)
      a = laptop()
      b = laptop({}, (target) => {
        const through = hold.change(target)
        const apply: Proxy['apply'] = async (...args) => {
          await target.proxy!.apply(...args)
          if (promoted || !promoting('apply', args)) return
          promoted = true
          throw new AppaloftError('runtime-backend-unavailable')
        }
        return { ...through, proxy: { ...through.proxy!, apply } }
      })
      live = (await (await begin(a.engine)).done).id
      before = await tableNow()
    })

    /** Its laptop is started again. */
    const again = () => {
      const self = { bootId: '', pidNamespace: '', pid: 1, startTime: '' }
      return laptop({ store: b.store, liveness: { self, judge: () => 'dead' } }).engine
    }

    const isAsBefore = async (failed: string) => {
      expect(await tableNow()).toEqual(before)
      expect(await served()).toEqual({ status: 200, deployment: live })
      expect(await scene.owned()).toEqual([live])
      const { events } = await b.store.readEvents(failed)
      expect(events.find(({ type }) => type === 'traffic-restored')?.data).toEqual({ deploymentId: live })
    }

    it('what the other deployed is put back', async () => {
      dies = false
      const failed = await (await begin(b.engine, 'serve text=two')).done
      expect(failed).toMatchObject({ status: 'failed', rollback: { outcome: 'nothing-to-restore' } })
      await isAsBefore(failed.id)
    })

    it('what the other deployed is put back by whoever recovers it', async () => {
      const failing = await begin(b.engine, 'serve text=two')
      await hold.reached
      expect((await again().reconcile()).ended).toEqual([{ deploymentId: failing.id, status: 'failed' }])
      hold.goOn()
      expect((await failing.done).status).toBe('failed')
      await isAsBefore(failing.id)
    })

    it('nothing is put back above what the other deployed since', async () => {
      const failing = await begin(b.engine, 'serve text=two')
      await hold.reached
      const newer = await (await begin(a.engine, 'serve text=three')).done
      expect(newer).toMatchObject({ status: 'succeeded', failure: null })
      const since = await tableNow()
      const [ended] = (await again().reconcile()).ended
      expect(ended).toMatchObject({ deploymentId: failing.id })
      hold.goOn()
      await failing.done
      expect(await tableNow()).toEqual(since)
      expect(await served()).toEqual({ status: 200, deployment: newer.id })
    })
  })

  it('of two that begin at once, one after the other promotes', async () => {
    const laptops = [laptop(), laptop(), laptop()].map(({ store, again }) => ({
      store,
      engine: again({ concurrency: 'wait' }),
    }))
    const ends = await Promise.all(laptops.map(async ({ engine }, i) => (await begin(engine, `serve text=${i}`)).done))
    expect(ends.map((one) => one.status)).toEqual(['succeeded', 'succeeded', 'succeeded'])
    const tokens = await Promise.all(
      laptops.map(async ({ store }, i) => (await store.getDeployment(ends[i]!.id))?.token),
    )
    expect(new Set(tokens).size).toBe(3)
    expect(await scene.owned()).toHaveLength(1)
  })

  it('a removal cancels what the other is doing, and takes all away', async () => {
    const hold = later(starting)
    const a = laptop({}, hold.change)
    const b = laptop()
    await (await begin(b.engine)).done
    hold.arm()
    const running = await begin(a.engine, 'serve text=two')
    await hold.reached
    await b.engine.resources.remove('res_shop')
    expect(await running.done).toMatchObject({ status: 'canceled' })
    expect(await scene.owned()).toEqual([])
  })

  it('repairs by one store’s engines do not make them strangers to each other', async () => {
    const a = laptop()
    const first = await (await begin(a.engine)).done
    for (let i = 0; i < 2; i++) {
      await scene.target.proxy!.apply(
        'res_shop',
        { ...(await scene.target.proxy!.observe('res_shop')).table!, live: null },
        1000 + i,
      )
      const { routed } = await a.again().reconcile()
      expect(routed).toEqual(['res_shop'])
    }
    expect((await served()).deployment).toBe(first.id)
  })
})
