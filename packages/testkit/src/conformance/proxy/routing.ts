import assert from 'node:assert/strict'
import type { ConformanceCase } from '../suite.js'
import { dep, hostname, identityOf, type ProxyFactory, proxyCase, route, table, web } from './world.js'

/** Which request goes where. */
export const routingCases: ConformanceCase<ProxyFactory>[] = [
  proxyCase('route.passes-on', 'A request reaches the live upstream as it was made.', [], async (world) => {
    await world.serve(await world.upstream('a'))
    const seen = await world.seen({ path: '/x/%7Ey?q=a%20b&q=2', method: 'PATCH', body: 'text' })
    assert.deepEqual(
      { upstream: seen.upstream, method: seen.method, url: seen.url, body: seen.body },
      { upstream: 'a', method: 'PATCH', url: '/x/%7Ey?q=a%20b&q=2', body: 'text' },
    )
  }),

  proxyCase('route.hostname', 'Each hostname has its own resource; no other hostname has any.', [], async (world) => {
    const [a, b] = [await world.upstream('a'), await world.upstream('b')]
    await world.serve(a)
    await world.apply('res_other', table([route('other.example.test')], b.set(dep(2))))
    assert.equal((await world.seen()).upstream, 'a')
    assert.equal((await world.seen({ host: 'OTHER.Example.Test:8080' })).upstream, 'b')
    const nobody = await world.ask({ host: 'nobody.example.test' })
    assert.equal(nobody.status, 404)
    assert.equal(identityOf(nobody), undefined)
  }),

  proxyCase(
    'route.wildcard',
    'A wildcard covers a label; an exact hostname goes first.',
    ['wildcard'],
    async (world) => {
      const [any, exact] = [await world.upstream('any'), await world.upstream('exact')]
      await world.apply(web, table([route('*.example.test')], any.set(dep(1))))
      await world.apply('res_exact', table([route('web.example.test')], exact.set(dep(2))))
      assert.equal((await world.seen({ host: 'x.example.test' })).upstream, 'any')
      assert.equal((await world.seen({ host: 'web.example.test' })).upstream, 'exact')
      assert.equal((await world.ask({ host: 'example.test' })).status, 404)
      assert.equal((await world.ask({ host: 'badexample.test' })).status, 404)
    },
  ),

  proxyCase('route.longest-prefix', 'The longest prefix wins, also across resources.', [], async (world) => {
    const [root, api, deep] = [await world.upstream('root'), await world.upstream('api'), await world.upstream('deep')]
    await world.apply(web, table([route(hostname)], root.set(dep(1))))
    await world.apply('res_deep', table([route(hostname, { pathPrefix: '/api/v2' })], deep.set(dep(3))))
    await world.apply('res_api', table([route(hostname, { pathPrefix: '/api' })], api.set(dep(2))))
    for (const [path, expected] of [
      ['/', 'root'],
      ['/api', 'api'],
      ['/api?x=/api/v2', 'api'],
      ['/api/v1/x', 'api'],
      ['/api/v2', 'deep'],
      ['/api/v2/x', 'deep'],
    ] as const) {
      assert.equal((await world.seen({ path })).upstream, expected, path)
    }
  }),

  proxyCase('route.segment-border', 'A prefix ends at a slash, never inside a segment.', [], async (world) => {
    const [root, app] = [await world.upstream('root'), await world.upstream('app')]
    await world.apply(web, table([route(hostname)], root.set(dep(1))))
    await world.apply('res_app', table([route(hostname, { pathPrefix: '/app' })], app.set(dep(2))))
    assert.equal((await world.seen({ path: '/app/x' })).upstream, 'app')
    assert.equal((await world.seen({ path: '/apple' })).upstream, 'root')
    assert.equal((await world.seen({ path: '/app.js' })).upstream, 'root')
  }),

  proxyCase('route.preserve-and-strip', 'A prefix is kept or taken off, as the route says.', [], async (world) => {
    const a = await world.upstream('a')
    await world.apply(
      web,
      table(
        [route(hostname, { pathPrefix: '/kept' }), route(hostname, { pathPrefix: '/cut', pathHandling: 'strip' })],
        a.set(dep(1)),
      ),
    )
    for (const [path, expected] of [
      ['/kept/x?q=1', '/kept/x?q=1'],
      ['/cut/x?q=1', '/x?q=1'],
      ['/cut', '/'],
      ['/cut?q=1', '/?q=1'],
      ['/cut/', '/'],
    ] as const) {
      assert.equal((await world.seen({ path })).url, expected, path)
    }
  }),

  proxyCase('route.redirect', 'A redirect is permanent, and keeps method, path and query.', [], async (world) => {
    const a = await world.upstream('a')
    const routes = [
      route(hostname),
      route('old.example.test', { redirectTo: hostname }),
      route('far.example.test', { redirectTo: 'https://far.example.org' }),
    ]
    await world.apply(web, table(routes, a.set(dep(1))))
    const near = await world.ask({ host: 'old.example.test', path: '/x?y=1', method: 'POST', body: 'b' })
    assert.equal(near.status, 308)
    assert.match(near.headers.location ?? '', /^http:\/\/web\.example\.test(?::\d+)?\/x\?y=1$/)
    const far = await world.ask({ host: 'far.example.test', path: '/x?y=1' })
    assert.equal(far.headers.location, 'https://far.example.org/x?y=1')
    assert.equal(a.seen.length, 0)
  }),

  proxyCase('route.none-live', 'A route without a live upstream answers with an error, at once.', [], async (world) => {
    await world.apply(web, table([route(hostname)], null))
    const answer = await world.ask()
    assert.equal(answer.status, 503)
    assert.equal(identityOf(answer), undefined)
  }),

  proxyCase('route.several-addresses', 'Requests are spread, and a dead address is passed over.', [], async (world) => {
    const [a, b, dead] = [await world.upstream('a'), await world.upstream('b'), await world.upstream('dead')]
    const addresses = [a, dead, b].flatMap((upstream) => upstream.set(dep(1)).addresses)
    await dead.close()
    await world.apply(web, table([route(hostname)], { ...a.set(dep(1)), addresses }))
    const answered = new Set<string>()
    for (let i = 0; i < 12; i++) answered.add((await world.seen({ method: i % 2 === 0 ? 'GET' : 'POST' })).upstream)
    assert.deepEqual([...answered].sort(), ['a', 'b'])
  }),

  proxyCase(
    'route.resource-port',
    'Without a hostname, a resource has a port of its own, kept.',
    ['resource-port'],
    async (world) => {
      const [a, b] = [await world.upstream('a'), await world.upstream('b')]
      await world.apply(web, table([route(null)], a.set(dep(1))))
      await world.apply('res_other', table([route(null)], b.set(dep(2))))
      const before = await world.endpoint()
      assert.notDeepEqual(before.address, (await world.endpoint('res_other')).address)
      assert.equal((await world.seen({ host: 'anything.example.test' })).upstream, 'a')
      assert.equal((await world.seen({ host: '127.0.0.1' }, 'res_other')).upstream, 'b')
      await world.apply(web, table([route(null)], b.set(dep(3))))
      assert.deepEqual(await world.endpoint(), before)
      assert.equal((await world.seen()).upstream, 'b')
    },
  ),
]
