import { AppaloftError, type Target, type TargetRecords } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { FakeWorld, fakeTarget } from '../fakes/index.js'
import { applicable } from './suite.js'
import { fakeSamples, type TargetFactory, targetAbilities, targetConformance } from './target.js'

/**
 * For each case a target that is wrong in one way, which the case must notice. `t` is a sound target to lean on, `world` its machine; what
 * is returned replaces methods of it.
 */
const broken: Record<string, (t: Target, world: FakeWorld) => Partial<Target>> = {
  'target.describe.pure': (t) => {
    let calls = 0
    return {
      describe: (plan) => {
        const told = t.describe(plan)
        return { ...told, steps: told.steps.map((step) => ({ ...step, title: `${step.title} ${++calls}` })) }
      },
    }
  },
  'target.describe.unsupported': (t) => ({ describe: (plan) => ({ ...t.describe(plan), unsupportedReasons: [] }) }),
  'target.unknown': () => ({
    inspect: async () => ({ state: 'exited', instances: [] }),
  }),
  'target.probe': (t) => ({ probe: async () => ({ ...(await t.probe()), ok: false }) }),
  'target.build.once': (t) => ({
    build: async (input) => ({ ...(await t.build({ ...input, noCache: true })), cached: false }),
  }),
  'target.build.no-cache': (t) => ({ build: (input) => t.build({ ...input, noCache: false }) }),
  // believes what it saw before the fence
  'target.build.foretold': (t) => {
    let seen = false
    return {
      prepare: () => {
        seen = true
      },
      build: async (input) => {
        const result = await t.build(input)
        return seen ? { ...result, cached: true } : result
      },
    }
  },
  'target.build.failure': (t) => ({
    // forgets what it knows
    build: (input) =>
      t.build(input).catch((error: AppaloftError) => {
        throw new AppaloftError(error.code)
      }),
  }),
  'target.build.failure-forgotten': (t) => {
    const seen = new Set<string>()
    return {
      // the inputs count as built from the beginning
      build: async (input) => {
        const cached = seen.has(input.inputsDigest)
        seen.add(input.inputsDigest)
        return { ...(await t.build(input)), cached }
      },
    }
  },
  'target.build.environment': (t) => ({
    build: (input) => t.build({ ...input, environment: { ...input.environment, APPALOFT_TEST_CANARY: 'leaked' } }),
  }),
  'target.build.abort': (t) => ({
    // tells of the abort in words of its own
    build: (input) =>
      t.build(input).catch(() => {
        throw new AppaloftError('canceled')
      }),
  }),
  'target.start.serves': (t) => ({ list: async () => [...(await t.list('res_web'))] }),
  'target.start.port': (t) => ({
    inspect: async (ref) => {
      const state = await t.inspect(ref)
      return { ...state, instances: state.instances.map(({ listening: _, ...rest }) => rest) }
    },
  }),
  'target.start.idempotent': (t, world) => ({
    start: async (input) => {
      world.app(input.deploymentId, input.releaseId)?.exit(0, null)
      world.apps.delete(`${input.deploymentId}/${input.releaseId}`)
      await t.start(input)
    },
  }),
  'target.start.beside': (t, world) => ({
    // one at a time
    start: async (input) => {
      for (const app of world.apps.values()) app.exit(0, null)
      await t.start(input)
    },
  }),
  'target.start.same-release': (t) => ({
    // names what runs by its release alone
    start: (input) => t.start({ ...input, deploymentId: 'dep_one' }),
    reach: (ref, port) => t.reach({ ...ref, deploymentId: 'dep_one' }, port),
    inspect: (ref) => t.inspect({ ...ref, deploymentId: 'dep_one' }),
    remove: (ref, token) => t.remove({ ...ref, deploymentId: 'dep_one' }, token),
  }),
  'target.start.environment': (t) => ({
    start: (input) => t.start({ ...input, environment: { ...input.environment, APPALOFT_TEST_CANARY: 'leaked' } }),
  }),
  'target.inspect.exited': (t) => ({
    inspect: async (ref) => {
      const state = await t.inspect(ref)
      return { ...state, instances: state.instances.map(({ exitCode: _, ...rest }) => rest) }
    },
  }),
  'target.expose.none': (t) => ({
    start: (input) => t.start({ ...input, environment: { ...input.environment, PORT: '3000' } }),
  }),
  'target.expose.direct-port': (t) => ({
    start: (input) => {
      const { plan } = input.release
      const network = { ...plan.network, exposure: 'proxy' as const }
      return t.start({ ...input, release: { ...input.release, plan: { ...plan, network } } })
    },
  }),
  'target.stop.graceful': (t) => ({ stop: (ref, token) => t.remove(ref, token) }),
  // impatient
  'target.stop.forced': (t) => ({ stop: (ref, token) => t.stop(ref, token, { graceSeconds: 0 }) }),
  'target.restart': () => ({ restart: async () => undefined }),
  'target.remove': (t) => ({ remove: (ref, token) => t.stop(ref, token) }),
  'target.again': (t) => {
    const mine = new Set<string>()
    return {
      // knows only what it started itself
      start: (input) => {
        mine.add(input.deploymentId)
        return t.start(input)
      },
      list: async (resourceId) => (await t.list(resourceId)).filter((one) => mine.has(one.deploymentId)),
    }
  },
  'target.discard': (t) => ({ discard: (release, token) => t.discard(release, token, { retained: [] }) }),
  'target.discard.gone': () => ({ discard: async () => undefined }),
  'target.logs.tail': (t) => ({
    // the first ones
    logs: async function* (ref, options = {}) {
      let left = options.tail ?? Number.POSITIVE_INFINITY
      for await (const line of t.logs(ref)) if (left-- > 0) yield line
    },
  }),
  'target.logs.follow': (t) => ({ logs: (ref, options) => t.logs(ref, { ...options, follow: false }) }),
  'target.run': (t) => ({
    run: (input, command) => t.run({ ...input, environment: { ...input.environment, PORT: '3000' } }, command),
  }),
  'target.run.failure': (t) => ({
    run: async (input, command) => {
      const result = await t.run(input, command)
      if (result.exitCode !== 0) throw new AppaloftError('release-command-failed')
      return result
    },
  }),
  'target.exec': (t) => ({
    exec: async (ref, command, options) => ({ ...(await t.exec(ref, command, options)), exitCode: 0 }),
  }),
  'target.exec.stopped': (t) => ({
    exec: (ref, command) => t.exec(ref, command).catch(() => ({ exitCode: 1, signal: null, lastLogs: [] })),
  }),
  'target.fence.raise': () => {
    const marks = new Map<string, number>()
    return {
      // in the memory of one process
      fence: async (resourceId, token) => void marks.set(resourceId, token),
      mark: async (resourceId) => marks.get(resourceId) ?? 0,
    }
  },
  'target.fence.compare': (t) => ({
    // looks by itself instead of comparing
    fence: async (resourceId, token, options) =>
      t.fence(resourceId, token, { ...options, expected: await t.mark(resourceId) }),
  }),
  'target.fence.idempotent': (t) => ({
    fence: (resourceId, token, options) => t.fence(resourceId, token, { ...options, owner: `${Math.random()}` }),
  }),
  'target.fence.effects': (t, world) => ({
    // forgets one
    remove: async (ref) => t.remove(ref, world.targetMarks.read(ref.resourceId)),
  }),
  'target.lease.raise': (t) => ({ lease: { ...t.lease!, read: async () => null } }),
  'target.lease.beat': (t) => {
    let beats = 0
    const { read, beat, ...rest } = t.lease!
    return {
      // counts in the memory of one process
      lease: {
        ...rest,
        read: async (id) => {
          const lease = await read(id)
          return lease && { ...lease, beats }
        },
        beat: (id, token) => {
          beats += 1
          return beat(id, token)
        },
      },
    }
  },
  // the last who asks is told
  'target.lease.ask': (t, world) => ({
    lease: {
      ...t.lease!,
      ask: async (id, token, by) => {
        await t.lease!.ask(id, token, by)
        const lease = world.targetMarks.lease(id)
        if (lease?.wanted != null && lease.wanted !== by) throw new Error('asked already')
      },
    },
  }),
  'target.lease.release': (t) => ({ lease: { ...t.lease!, release: async () => undefined } }),
  'target.lease.taken': (t, world) => ({
    lease: {
      ...t.lease!,
      // of whoever holds it
      release: async (id) => t.lease!.release(id, world.targetMarks.read(id)),
    },
  }),
  // writes beside what was there
  'target.records.put': (t) => {
    let count = 0
    return withRecords(t, (r) => ({ put: (id, name, ...rest) => r.put(id, `${name}_${++count}`, ...rest) }))
  },
  'target.records.name': (t) =>
    withRecords(t, (r) => ({ put: (id, name, ...rest) => r.put(id, name.replace(/[^a-z]/g, '_') || '_', ...rest) })),
  // all that begin so
  'target.records.remove': (t) =>
    withRecords(t, (r) => ({
      remove: async (id, name, token) => {
        for (const one of await r.list(id)) if (one.name.startsWith(name)) await r.remove(id, one.name, token)
      },
    })),
  // does not compare where it writes
  'target.records.fence': (t, world) =>
    withRecords(t, (r) => ({
      put: async (id, name, text) => r.put(id, name, text, Math.max(1, world.targetMarks.read(id))),
    })),
  // takes them for volumes of the resource
  'target.records.apart': (t, world) => ({
    discard: async (release, token, options) => {
      await t.discard(release, token, options)
      if (options.volumes === true) world.records.delete(release.resourceId)
    },
  }),
}

const withRecords = (t: Target, change: (r: TargetRecords) => Partial<TargetRecords>): Partial<Target> =>
  t.records === undefined ? {} : { records: { ...t.records, ...change(t.records) } }

const factory = (change: (t: Target, world: FakeWorld) => Partial<Target>): TargetFactory => ({
  samples: fakeSamples,
  patienceMs: 500,
  create: async () => {
    const world = new FakeWorld()
    const make = () => {
      const sound = fakeTarget({ world })
      return { ...sound, ...change(sound, world) }
    }
    return { target: make(), again: async () => make(), close: () => world.close() }
  },
})

describe('each case notices a target that breaks its promise', () => {
  const { run } = applicable(targetConformance, targetAbilities(fakeTarget()))
  // Those that look at real processes and files are proven on the process target.
  for (const one of run)
    it(one.id, { timeout: 30_000 }, async () => {
      const change = broken[one.id]
      expect(change, 'there is no broken target for this case').toBeDefined()
      if (change !== undefined) await expect(one.run(factory(change))).rejects.toThrow()
    })

  it('knows no case that is gone', () => {
    const ids = new Set(targetConformance.map((one) => one.id))
    expect(Object.keys(broken).filter((id) => !ids.has(id))).toEqual([])
  })
})
