import { replay, type Script } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { createAppaloft, memoryStore } from '../../index.js'
import type { Appaloft, AppaloftOptions } from '../../spec/api.js'
import type { DeploymentEvent } from '../../spec/events.js'
import type { ProbeAnswer } from '../../spec/prober.js'
import { identityHeader, type Proxy as Proxied, verifyHeader } from '../../spec/proxy.js'
import type { RunningState, Target } from '../../spec/target.js'
import type { TargetRecord } from '../../spec/target-records.js'

// A machine that is far away, in virtual time: what is asked of it takes one way there and one back, and nothing else takes any.

const wayMs = 50

interface Call {
  name: string
  /** Round trips after the candidate was started. */
  sent: number
  answered: number
}

interface Faults {
  release?: string
  /** What becomes of the candidate's state once it has answered, as the machine sees it. */
  inspect?(found: RunningState): RunningState
  /** What becomes of the answers on its route. */
  route?(answer: ProbeAnswer): ProbeAnswer
  /** Round trips that it takes to tell the machine. */
  puts?: number
  /** Of the machine: it is told that it is another one. */
  address?: string
  /** How often the proxy says first that it has no route. */
  unrouted?: number
  /** What becomes of what users are answered while it is promoted. */
  served?(answer: ProbeAnswer): ProbeAnswer
  /** Round trips that it takes the proxy there to promote, and that users wait for an answer of the former release. */
  slow?: { promotes: number; answers: number }
}

/** The second deployment of a resource, from the end of its step `start` on. */
async function far({
  release = 'healthy',
  puts = 1,
  address,
  unrouted = 0,
  slow = { promotes: 0, answers: 0 },
  ...faults
}: Faults = {}) {
  const { inspect = (one) => one, route = (one) => one, served = (one) => one } = faults
  const calls: Call[] = []
  const events: DeploymentEvent[] = []
  const records = new Map<string, string>()
  const started = { at: 0, times: 0, id: '' }

  function farParts({ clock, targets: [near], prober, ...rest }: AppaloftOptions): AppaloftOptions {
    if (clock === undefined || near === undefined || prober === undefined) throw new Error('a part is missing')
    const round = () => (clock.monotonic() - started.at) / (2 * wayMs)
    /** @param opening round trips before it is sent */
    const away = async <T>(name: string, act: () => Promise<T> | T, opening = 0): Promise<T> => {
      const call = { name, sent: round(), answered: Number.POSITIVE_INFINITY }
      calls.push(call)
      await clock.sleep((1 + 2 * opening) * wayMs)
      try {
        return await act()
      } finally {
        await clock.sleep(wayMs)
        call.answered = round()
      }
    }
    const awayAll = <T extends object>(part: T, name: string, near: readonly string[] = []): T =>
      new Proxy(part, {
        get: (inner, key) => {
          const value = Reflect.get(inner, key)
          if (typeof value !== 'function' || near.includes(String(key))) return value
          return (...args: unknown[]) => away(`${name}.${String(key)}`, () => value.apply(inner, args))
        },
      })
    const isSecond = () => started.times === 2
    let refusals = unrouted
    let uploads = 0
    const routing = (proxy: Proxied): Proxied => ({
      ...proxy,
      endpoint: async (...asked) => {
        if (uploads === 2 && refusals-- > 0) throw new Error('there is no route yet')
        return await proxy.endpoint(...asked)
      },
      apply: async (...asked) => {
        if (isSecond() && named(calls, 'proxy.apply').length === 2) await clock.sleep(slow.promotes * 2 * wayMs)
        await proxy.apply(...asked)
      },
    })
    const lying = (): TargetRecord[] => [...records].map(([name, text]) => ({ resourceId: 'res_0', name, text }))
    const inner: Target = {
      ...near,
      ...(address === undefined ? {} : { address }),
      // Where it serves is known from the table that was put last.
      proxy: awayAll(routing(near.proxy as Proxied), 'proxy', address === undefined ? [] : ['endpoint']),
      records: {
        list: () => away('records.list', lying),
        put: (_id, name, text) => away('records.put', () => void records.set(name, text), puts - 1),
        remove: (_id, name) => away('records.remove', () => void records.delete(name)),
      },
      async upload(input) {
        uploads += 1
        await near.upload(input)
      },
      async start(input) {
        await near.start(input)
        calls.length = 0
        Object.assign(started, { at: clock.monotonic(), times: started.times + 1, id: input.deploymentId })
      },
      // Where a release answers is known from its start.
      async reach(...asked) {
        calls.push({ name: 'target.reach', sent: round(), answered: round() })
        return await near.reach(...asked)
      },
      async inspect(ref, options) {
        const found = await near.inspect(ref, options)
        const answered = named(calls, 'health').some((one) => one.answered <= round())
        return isSecond() && answered && ref.deploymentId === started.id ? inspect(found) : found
      },
    }
    return {
      ...rest,
      clock,
      targets: [awayAll(inner, 'target', ['describe', 'logs', 'reach', 'start'])],
      prober: {
        ...prober,
        // To the proxy a connection is open.
        request: (address, request) =>
          request.headers?.['user-agent'] === 'appaloft-health'
            ? away('health', () => prober.request(address, request), 1)
            : request.headers?.[verifyHeader] === undefined
              ? away('served', async () => {
                  const answer = await prober.request(address, request)
                  if (answer.headers[identityHeader] === started.id) return served(answer)
                  await clock.sleep(slow.answers * 2 * wayMs, request.signal ? { signal: request.signal } : {})
                  return served(answer)
                })
              : away('route', async () => {
                  const answer = await prober.request(address, request)
                  return isSecond() && named(calls, 'records.remove').length === 0 ? route(answer) : answer
                }),
      },
    }
  }

  const create = { verb: 'create', engine: 0, resource: 0, wait: 0, untilDone: true } as const
  const resource = { exposure: 'proxy', hostname: null, overlap: true, health: 'http' } as const
  const script: Script = {
    seed: 1,
    deviations: {},
    setup: {
      ...{ engines: 1, deaths: 'proven', concurrency: 'wait', identity: 'always', network: 'own', retention: 5 },
      resources: [{ ...resource, drainSeconds: 1, secret: false, command: 'none' }],
      users: [[create, { ...create, release }]],
      ending: 'stay',
    },
  }
  const engines: Appaloft[] = []
  let seen: Call[] = []
  await replay(
    {
      store: memoryStore,
      createAppaloft: (parts) => {
        // The last one looks after them, and is of no interest.
        const first = engines.length === 0
        const appaloft = createAppaloft(first ? farParts(parts) : parts)
        engines.push(appaloft)
        if (first)
          appaloft.on('event', (event) => {
            events.push(event)
            if (event.type === 'deployment-finished') seen = [...calls]
          })
        return appaloft
      },
    },
    script,
  )
  const [first] = events
  const second = events.filter(({ deploymentId }) => deploymentId !== first?.deploymentId)
  const last = second.findLastIndex(({ type }) => type === 'deployment-finished')
  expect(last).toBeGreaterThan(0)
  const find = (type: string, step?: string) => second.find((one) => one.type === type && one.step === step)
  const at = (event: DeploymentEvent | undefined) => Date.parse(event?.at ?? '')
  const from = find('step-succeeded', 'start')
  const to = find('traffic-promoted', 'promote')
  const passed = find('step-succeeded', 'access')
  return {
    calls: seen,
    /** In the end. */
    told: [...records.keys()],
    former: first?.deploymentId,
    trips: to === undefined ? null : (at(to) - at(from)) / (2 * wayMs),
    /** Until access has passed. */
    passed: passed === undefined ? null : (at(passed) - at(from)) / (2 * wayMs),
    failure: find('phase-failed')?.data.code,
    status: second[last]?.message,
  }
}

const named = (calls: readonly Call[], name: string) => calls.filter((one) => one.name === name)
const ms = (calls: readonly Call[], ...names: string[]) => names.map((name) => named(calls, name)[0]?.sent)

describe('from the start of a candidate that is far away until it is promoted', () => {
  it('every check is asked for as soon as it can tell something, and nothing is asked twice', async () => {
    const { trips, calls, status } = await far()
    expect(status).toBe('succeeded')
    // Two of the four are the probe's: a connection that is the first to a new port, and the answer.
    expect(trips).toBe(4)
    const before = calls.filter(({ sent }) => sent < 4)
    expect(before.map(({ name }) => name).sort()).toEqual([
      'health',
      'proxy.apply',
      'proxy.apply',
      'records.put',
      'route',
      'target.inspect',
      ...Array(3).fill('target.reach'),
    ])
    // Its process is looked at after it has answered; beside that, its route is asked and the machine told.
    expect(named(calls, 'health')[0]?.answered).toBe(2)
    expect(ms(calls, 'target.inspect', 'route', 'records.put')).toEqual([2, 2, 2])
    expect(named(calls, 'proxy.apply')[1]?.sent).toBe(3)
  })

  it('one that ends by being asked is not promoted, though it ran when it was asked', async () => {
    // However long it takes to tell the machine of it.
    for (const puts of [1, 20]) {
      const { trips, failure, told, former } = await far({ inspect: ended, puts })
      expect([trips, failure]).toEqual([null, 'process-exited'])
      expect(told).toEqual([former])
    }
  })

  it('one that is not well is told as such, and the machine is told nothing', async () => {
    const { trips, failure, calls } = await far({ release: 'sick' })
    expect([trips, failure]).toEqual([null, 'health-status-unexpected'])
    expect(named(calls, 'records.put')).toEqual([])
  })

  it('where another answers on its route, the machine forgets it', async () => {
    const { trips, failure, told, former, calls } = await far({
      route: (answer) => ({ ...answer, headers: { [identityHeader]: 'dep_another' } }),
    })
    expect([trips, failure]).toEqual([null, 'route-identity-mismatch'])
    expect(named(calls, 'records.put')).toHaveLength(1)
    expect(told).toEqual([former])
  })

  it('where the proxy had no route yet when it was asked early, it is asked anew', async () => {
    // While it starts it is asked twice.
    const { status, trips } = await far({ unrouted: 2 })
    expect(status).toBe('succeeded')
    expect(trips).toBeLessThan(8)
  })

  it('where its route answers later, it is looked at again before it is promoted', async () => {
    let answers = 0
    const { trips, calls, status } = await far({
      route: (answer) => (++answers === 1 ? { ...answer, status: 502 } : answer),
    })
    expect(status).toBe('succeeded')
    const [, last] = named(calls, 'route')
    const [, promotion] = named(calls, 'proxy.apply')
    const looks = named(calls, 'target.reach').filter(({ sent }) => sent >= last!.answered)
    expect(looks.map(({ sent }) => sent <= promotion!.sent)).toEqual([true])
    expect(trips).toBeGreaterThan(5)
  })
})

describe('while a machine that is known to be another one promotes', () => {
  const address = 'far.example.com'

  it('its route is asked as users ask it, and access has passed as soon as it was told of the promotion', async () => {
    const { calls, status, passed, trips } = await far({ address })
    expect(status).toBe('succeeded')
    const [, promotion] = named(calls, 'proxy.apply')
    const asked = named(calls, 'served')
    expect(asked.map(({ sent }) => Math.round((sent - promotion!.sent) * 10) / 10)).toEqual([0.3, 0.7])
    // The first was sent before the change was told here, and came after it there.
    expect(passed).toBeCloseTo(asked[0]!.answered)
    expect(passed! - trips!).toBeLessThan(0.4)
    // The process is looked at after that answer, and the route is not asked again.
    expect(named(calls, 'route').filter(({ sent }) => sent > promotion!.sent)).toEqual([])
    expect(named(calls, 'target.inspect').some(({ sent }) => sent >= asked[0]!.answered)).toBe(true)
  })

  it.each([
    ['tells of another', (answer: ProbeAnswer) => ({ ...answer, headers: { [identityHeader]: 'dep_another' } })],
    ['is an error', (answer: ProbeAnswer) => ({ ...answer, status: 500 })],
  ])('what %s is no proof: access asks by itself', async (_, served) => {
    const { calls, status, passed, trips } = await far({ address, served })
    expect(status).toBe('succeeded')
    const [, promotion] = named(calls, 'proxy.apply')
    expect(named(calls, 'route').filter(({ sent }) => sent >= promotion!.answered)).toHaveLength(1)
    expect(passed! - trips!).toBeGreaterThanOrEqual(1)
  })

  it('a former release that does not answer holds up nobody, and is left alone', async () => {
    const { calls, status, passed, trips } = await far({ address, slow: { promotes: 1, answers: 20 } })
    expect(status).toBe('succeeded')
    const [, promotion] = named(calls, 'proxy.apply')
    const asked = named(calls, 'served')
    expect(asked.map(({ sent }) => sent < promotion!.answered)).toEqual([true, true])
    // No longer than another question takes.
    expect(passed! - trips!).toBeLessThan(2.5)
    for (const one of asked) expect(one.answered - promotion!.answered).toBeLessThan(2)
  })

  it('a process that ends as it is asked is found gone by the look after it', async () => {
    let looks = 0
    const inspect = (found: RunningState) => (++looks === 1 ? found : ended(found))
    const { failure, status } = await far({ address, inspect })
    expect([status, failure]).toEqual(['failed', 'process-exited'])
  })
})

const ended = ({ instances }: RunningState): RunningState => ({
  state: 'exited',
  instances: instances.map((one) => ({ ...one, state: 'exited', exitCode: 9 })),
})
