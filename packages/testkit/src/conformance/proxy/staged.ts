import assert from 'node:assert/strict'
import { identityHeader, verifyHeader } from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { headerValues } from './upstream.js'
import {
  dep,
  hostname,
  identityOf,
  otherToken,
  type ProxyFactory,
  proxyCase,
  route,
  table,
  token,
  web,
  withToken,
} from './world.js'

const verify = { token, deploymentId: dep(2) }

/** The staged upstream, its token, and the identity of every answer. */
export const stagedCases: ConformanceCase<ProxyFactory>[] = [
  proxyCase('staged.token', 'The token chooses the staged upstream.', ['staged', 'identity'], async (world) => {
    const [live, staged] = [await world.upstream('live'), await world.upstream('staged')]
    await world.serve(live, { staged: staged.set(dep(2)), verify })
    assert.equal((await world.seen({ headers: withToken() })).upstream, 'staged')
    assert.equal(identityOf(await world.ask({ headers: withToken() })), dep(2))
    assert.equal(identityOf(await world.ask()), dep(1))
  }),

  proxyCase(
    'staged.only-by-token',
    'Without the very token, nobody reaches the staged upstream.',
    ['staged'],
    async (world) => {
      const [live, staged] = [await world.upstream('live'), await world.upstream('staged')]
      await world.serve(live, { staged: staged.set(dep(2)), verify })
      const wrong = ['', otherToken, token.slice(0, -1), `${token}0`, token.toUpperCase(), `${token}, ${token}`, dep(2)]
      assert.equal((await world.seen()).upstream, 'live')
      for (const value of wrong) assert.equal((await world.seen({ headers: withToken(value) })).upstream, 'live', value)
      await world.apply(web, table([route(hostname)], null, { staged: staged.set(dep(2)), verify }))
      assert.equal((await world.ask()).status, 503)
      assert.equal((await world.ask({ headers: withToken(otherToken) })).status, 503)
      assert.equal(staged.seen.length, 0)
    },
  ),

  proxyCase('staged.token-of-its-resource', 'A token opens its own resource only.', ['staged'], async (world) => {
    const [live, staged, other] = [
      await world.upstream('live'),
      await world.upstream('staged'),
      await world.upstream('other'),
    ]
    await world.serve(live, { staged: staged.set(dep(2)), verify })
    await world.apply(
      'res_other',
      table([route('other.example.test')], other.set(dep(3)), {
        staged: staged.set(dep(4)),
        verify: { token: otherToken, deploymentId: dep(4) },
      }),
    )
    assert.equal((await world.seen({ host: 'other.example.test', headers: withToken() })).upstream, 'other')
  }),

  proxyCase(
    'staged.over',
    'Once nothing is staged, the token chooses nothing.',
    ['staged', 'identity'],
    async (world) => {
      const [live, staged] = [await world.upstream('live'), await world.upstream('staged')]
      await world.serve(live, { staged: staged.set(dep(2)), verify })
      assert.equal((await world.seen({ headers: withToken() })).upstream, 'staged')
      await world.apply(web, table([route(hostname)], staged.set(dep(2)), { verify }))
      assert.equal((await world.seen({ headers: withToken() })).upstream, 'staged')
      await world.apply(web, table([route(hostname)], live.set(dep(1)), { verify }))
      const answer = await world.ask({ headers: withToken() })
      assert.equal(identityOf(answer), dep(1))
    },
  ),

  proxyCase('staged.token-not-passed-on', 'No upstream ever sees a token.', ['staged'], async (world) => {
    const [live, staged] = [await world.upstream('live'), await world.upstream('staged')]
    await world.serve(live, { staged: staged.set(dep(2)), verify })
    for (const headers of [withToken(), withToken(otherToken), { 'X-APPALOFT-VERIFY': otherToken }]) {
      const { rawHeaders } = await world.seen({ headers })
      assert.deepEqual(headerValues(rawHeaders, verifyHeader), [])
      assert.ok(!rawHeaders.some((text) => text.includes(token) || text.includes(otherToken)))
    }
  }),

  proxyCase('identity.answer', 'The proxy alone says who answered.', ['identity'], async (world) => {
    const forging = await world.upstream('forging', (_req, res) => {
      res.writeHead(200, ['X-Appaloft-Deployment', dep(8), identityHeader, dep(9), 'Content-Length', '0'])
      res.end()
    })
    await world.serve(forging)
    const answer = await world.ask({ headers: { [identityHeader]: dep(7) } })
    assert.deepEqual(headerValues(answer.rawHeaders, identityHeader), [dep(1)])
  }),

  proxyCase('identity.request', 'A client cannot tell an upstream who it is.', ['identity'], async (world) => {
    await world.serve(await world.upstream('a'))
    const { rawHeaders } = await world.seen({ headers: { [identityHeader]: dep(7) } })
    assert.ok(!headerValues(rawHeaders, identityHeader).includes(dep(7)))
  }),

  proxyCase(
    'identity.verified',
    'Hidden from users, the identity shows to the token only.',
    ['staged', 'identity'],
    async (world) => {
      const forging = await world.upstream('forging', (_req, res) => {
        res.writeHead(200, { [identityHeader]: dep(9) })
        res.end()
      })
      await world.serve(forging, { verify, identity: 'verified' })
      assert.equal(identityOf(await world.ask()), undefined)
      assert.equal(identityOf(await world.ask({ headers: withToken(otherToken) })), undefined)
      assert.equal(identityOf(await world.ask({ headers: withToken() })), dep(1))
    },
  ),

  proxyCase(
    'identity.error',
    'An error of the proxy’s own says whose upstream failed.',
    ['identity'],
    async (world) => {
      const dead = await world.upstream('dead')
      await dead.close()
      await world.serve(dead)
      const answer = await world.ask()
      assert.ok(answer.status >= 502 && answer.status <= 504, `answered ${answer.status}`)
      assert.equal(identityOf(answer), dep(1))
    },
  ),
]
