import assert from 'node:assert/strict'
import type { ConformanceCase } from '../suite.js'
import {
  dep,
  hostname,
  identityOf,
  type ProxyFactory,
  proxyCase,
  rejectsWith,
  route,
  table,
  token,
  web,
} from './world.js'

/** Tables, fences and what they refuse. */
export const controlCases: ConformanceCase<ProxyFactory>[] = [
  proxyCase('observe.unknown', 'A resource that nobody applied has no table and no fence.', [], async (world) => {
    const { table: found, token: mark, inFlight } = await world.proxy.observe('res_unknown')
    assert.deepEqual({ found, mark, inFlight }, { found: null, mark: 0, inFlight: [] })
    assert.equal(await world.proxy.mark('res_unknown'), 0)
  }),

  proxyCase('observe.equals-applied', 'observe returns the table that was applied, whole.', [], async (world) => {
    const a = await world.upstream('a')
    const routes = [
      route(hostname),
      route(hostname, { pathPrefix: '/api', pathHandling: 'strip' }),
      route('old.example.test', { redirectTo: hostname }),
    ]
    const first = table(routes, a.set(dep(1)), { verify: { token, deploymentId: dep(1) } })
    await world.apply(web, first)
    assert.deepEqual((await world.proxy.observe(web)).table, first)
    const second = table([route(hostname)], null, { identity: 'verified' })
    await world.apply(web, second)
    assert.deepEqual((await world.proxy.observe(web)).table, second)
  }),

  proxyCase(
    'apply.replaces',
    'apply makes the routes equal to the table: what it leaves out is gone.',
    [],
    async (world) => {
      const a = await world.upstream('a')
      await world.apply(web, table([route(hostname), route('two.example.test')], a.set(dep(1))))
      assert.equal((await world.ask({ host: 'two.example.test' })).status, 200)
      await world.apply(web, table([route(hostname)], a.set(dep(1))))
      assert.equal((await world.ask({ host: 'two.example.test' })).status, 404)
      assert.equal((await world.ask()).status, 200)
    },
  ),

  proxyCase('apply.idempotent', 'The same table twice is one table.', [], async (world) => {
    const a = await world.upstream('a')
    await world.serve(a)
    const before = await world.endpoint()
    await world.serve(a)
    assert.deepEqual(await world.endpoint(), before)
    assert.equal((await world.seen()).upstream, 'a')
  }),

  proxyCase('apply.abort', 'An aborted call rejects and changes nothing.', [], async (world) => {
    const [a, b] = [await world.upstream('a'), await world.upstream('b')]
    await world.serve(a)
    const signal = AbortSignal.abort()
    const next = table([route(hostname)], b.set(dep(2)))
    await assert.rejects(() => world.proxy.apply(web, next, 1, { signal }))
    await assert.rejects(() => world.proxy.remove(web, 1, { signal }))
    await assert.rejects(() => world.proxy.fence(web, 9, { expected: 1, owner: dep(9), signal }))
    await world.visible()
    assert.equal((await world.seen()).upstream, 'a')
    assert.equal(await world.proxy.mark(web), 1)
  }),

  proxyCase(
    'fence.compare',
    'A fence rises from the mark that the caller read, or not at all.',
    ['fencing'],
    async (world) => {
      await world.proxy.fence(web, 5, { expected: 0, owner: dep(1) })
      assert.equal(await world.proxy.mark(web), 5)
      const late = () => world.proxy.fence(web, 9, { expected: 0, owner: dep(2) })
      await rejectsWith('fenced', late, 'the mark was not the expected one')
      assert.equal(await world.proxy.mark(web), 5)
      await world.proxy.fence(web, 9, { expected: 5, owner: dep(2) })
      assert.equal((await world.proxy.observe(web)).token, 9)
    },
  ),

  proxyCase(
    'fence.same-owner',
    'The same owner may raise the same fence twice, nobody else.',
    ['fencing'],
    async (world) => {
      await world.proxy.fence(web, 5, { expected: 0, owner: dep(1) })
      await world.proxy.fence(web, 5, { expected: 0, owner: dep(1) })
      const other = () => world.proxy.fence(web, 5, { expected: 5, owner: dep(2) })
      await rejectsWith('fenced', other, 'the token belongs to another owner')
    },
  ),

  proxyCase('fence.never-lowered', 'A fence never goes down.', ['fencing'], async (world) => {
    await world.proxy.fence(web, 5, { expected: 0, owner: dep(1) })
    const lower = () => world.proxy.fence(web, 4, { expected: 5, owner: dep(2) })
    await rejectsWith('fenced', lower, 'the token is below the mark')
    assert.equal(await world.proxy.mark(web), 5)
  }),

  proxyCase('fence.one-winner', 'Of many who raise a fence at once, one wins.', ['fencing'], async (world) => {
    const tries = Array.from({ length: 8 }, (_, at) => world.proxy.fence(web, 2 + at, { expected: 0, owner: dep(at) }))
    const results = await Promise.allSettled(tries)
    const winners = results.flatMap((result, at) => (result.status === 'fulfilled' ? [2 + at] : []))
    assert.equal(winners.length, 1)
    assert.equal(await world.proxy.mark(web), winners[0])
  }),

  proxyCase('fence.refuses-effects', 'Below the fence, nothing has an effect.', ['fencing'], async (world) => {
    const [a, b] = [await world.upstream('a'), await world.upstream('b')]
    await world.serve(a)
    await world.proxy.fence(web, 7, { expected: 1, owner: dep(2) })
    const stale = table([route(hostname)], b.set(dep(3)))
    await rejectsWith('fenced', () => world.proxy.apply(web, stale, 6), 'apply below the fence')
    await rejectsWith('fenced', () => world.proxy.remove(web, 6), 'remove below the fence')
    if (world.proxy.cut !== undefined) {
      await rejectsWith('fenced', () => world.proxy.cut!(web, dep(1), 6), 'cut below the fence')
    }
    await world.visible()
    assert.equal((await world.seen()).upstream, 'a')
    await world.proxy.apply(web, stale, 7)
    await world.visible()
    assert.equal((await world.seen()).upstream, 'b')
  }),

  proxyCase('conflict', 'A hostname and path belong to one resource, until it is removed.', [], async (world) => {
    const [a, b] = [await world.upstream('a'), await world.upstream('b')]
    await world.serve(a)
    const same = table([route('free.example.test'), route(hostname)], b.set(dep(2)))
    await rejectsWith('route-conflict', () => world.proxy.apply('res_other', same, 1), 'the same hostname and path')
    await world.visible()
    assert.equal((await world.proxy.observe('res_other')).table, null)
    assert.equal((await world.ask({ host: 'free.example.test' })).status, 404)
    await world.apply('res_other', table([route(hostname, { pathPrefix: '/other' })], b.set(dep(2))))
    await world.proxy.remove(web, 1)
    await world.apply('res_other', same)
    assert.equal((await world.seen({}, 'res_other')).upstream, 'b')
  }),

  proxyCase('remove', 'remove takes the routes away and leaves the fence; twice is as once.', [], async (world) => {
    const [a, b] = [await world.upstream('a'), await world.upstream('b')]
    await world.serve(a)
    await world.apply('res_other', table([route('other.example.test')], b.set(dep(2))))
    await world.proxy.remove(web, 1)
    await world.proxy.remove(web, 1)
    await world.visible()
    const answer = await world.ask({}, 'res_other')
    assert.equal(answer.status, 404)
    assert.equal(identityOf(answer), undefined)
    assert.equal((await world.proxy.observe(web)).table, null)
    assert.equal(await world.proxy.mark(web), 1, 'the fence outlives the routes')
    assert.equal((await world.seen({ host: 'other.example.test' }, 'res_other')).upstream, 'b')
  }),

  proxyCase('restart', 'Killed and back, the proxy is as it was.', ['restart'], async (world) => {
    const a = await world.upstream('a')
    const staged = await world.upstream('staged')
    const applied = table([route(hostname)], a.set(dep(1)), {
      staged: staged.set(dep(2)),
      verify: { token, deploymentId: dep(2) },
    })
    await world.apply(web, applied)
    await world.proxy.fence(web, 3, { expected: 1, owner: dep(3) })
    const before = await world.endpoint()
    await world.subject.restart!()
    const { table: found, token: mark } = await world.proxy.observe(web)
    assert.deepEqual(found, applied)
    assert.equal(mark, 3)
    assert.deepEqual(await world.endpoint(), before)
    assert.equal((await world.seen()).upstream, 'a')
    await rejectsWith('fenced', () => world.proxy.apply(web, applied, 2), 'the fence survives')
  }),

  proxyCase(
    'restart.resource-port',
    'Killed and back, a resource has the port that it had.',
    ['restart', 'resource-port'],
    async (world) => {
      const a = await world.upstream('a')
      await world.apply(web, table([route(null)], a.set(dep(1))))
      const before = await world.endpoint()
      await world.subject.restart!()
      assert.deepEqual(await world.endpoint(), before)
      assert.equal((await world.seen()).upstream, 'a')
    },
  ),
]
