import assert from 'node:assert/strict'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityHeader } from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { ask, openTunnel } from './http.js'
import type { Seen, TestUpstream } from './upstream.js'
import {
  dep,
  hostname,
  identityOf,
  type ProxyFactory,
  proxyCase,
  route,
  table,
  until,
  type World,
  web,
} from './world.js'

const flips = 50

/** Which change clients see: `settled` once its apply has resolved and was given its time. */
interface Moment {
  epoch: number
  settled: boolean
}

async function promoteUnderLoad(world: World, agents: (http.Agent | undefined)[]): Promise<void> {
  const upstreams = [await world.upstream('even'), await world.upstream('odd')] as [TestUpstream, TestUpstream]
  const at = (epoch: number) => table([route(hostname)], upstreams[epoch % 2]!.set(dep(epoch)))
  await world.apply(web, at(0))
  const { address } = await world.endpoint()
  let moment: Moment = { epoch: 0, settled: true }
  let running = true
  const faults: string[] = []
  const answered = new Set<number>()

  const client = async (agent: http.Agent | undefined, number: number): Promise<void> => {
    while (running) {
      const before = moment
      const body = number % 2 === 0 ? '' : `${number}`
      try {
        const answer = await ask(address, { host: hostname, agent, ...(body === '' ? {} : { method: 'POST', body }) })
        const epoch = Number(String(identityOf(answer)).slice(-6))
        const seen = JSON.parse(answer.body.toString()) as Seen
        // A request that began before a change may be answered by either side of it, one that began after only by the new one.
        const earliest = before.settled ? before.epoch : before.epoch - 1
        const ok = answer.status === 200 && epoch >= earliest && epoch <= moment.epoch
        if (!ok) faults.push(`status ${answer.status} of epoch ${epoch}, asked in ${earliest} to ${moment.epoch}`)
        if (seen.upstream !== upstreams[epoch % 2]!.name) faults.push(`epoch ${epoch} answered by ${seen.upstream}`)
        if (seen.body !== body) faults.push('a body was lost')
        answered.add(epoch)
      } catch (error) {
        faults.push(String(error))
      }
    }
  }

  const clients = agents.map(client)
  for (let epoch = 1; epoch <= flips; epoch++) {
    moment = { epoch, settled: false }
    await world.proxy.apply(web, at(epoch), 1)
    await world.visible()
    moment = { epoch, settled: true }
    await sleep(3)
  }
  running = false
  await Promise.all(clients)
  for (const agent of agents) agent?.destroy()
  assert.deepEqual(faults.slice(0, 5), [], `${faults.length} faults`)
  assert.ok(answered.size > flips / 2, `only ${answered.size} of ${flips} changes were seen: the clients were not busy`)
}

const holding = async (world: World, name: string) => {
  const held: http.ServerResponse[] = []
  const upstream = await world.upstream(name, (_req, res) => void held.push(res))
  return {
    upstream,
    held,
    release: () => {
      for (const res of held.splice(0)) res.end(name)
    },
  }
}

/** Promotions, what is in flight meanwhile, and connections that last. */
export const trafficCases: ConformanceCase<ProxyFactory>[] = [
  proxyCase(
    'promote.no-request-lost',
    'Fifty promotions under load lose no request and mix no answer.',
    ['identity'],
    (world) =>
      promoteUnderLoad(
        world,
        Array.from({ length: 6 }, (_, at) => (at < 4 ? new http.Agent({ keepAlive: true, maxSockets: 1 }) : undefined)),
      ),
  ),

  proxyCase(
    'promote.running-requests',
    'A request that runs while its upstream is replaced comes to its end.',
    [],
    async (world) => {
      const slow = await holding(world, 'slow')
      const b = await world.upstream('b')
      await world.serve(slow.upstream)
      const answer = world.ask()
      await until('the request runs', () => slow.held.length === 1)
      await world.apply(web, table([route(hostname)], b.set(dep(2))))
      assert.equal((await world.seen()).upstream, 'b')
      slow.release()
      const { body } = await answer
      assert.equal(body.toString(), 'slow')
    },
  ),

  proxyCase(
    'upgrade',
    'A connection is upgraded, carries bytes both ways and says who answers.',
    ['websocket'],
    async (world) => {
      await world.serve(await world.upstream('a'))
      const tunnel = await openTunnel((await world.endpoint()).address, { host: hostname, path: '/socket?x=1' })
      assert.equal(tunnel.status, 101)
      assert.equal(tunnel.headers['x-upstream'], 'a')
      assert.equal(tunnel.headers.upgrade, 'websocket')
      if (world.proxy.capabilities.identity) assert.equal(tunnel.headers[identityHeader], dep(1))
      for (const text of ['one', 'x'.repeat(70_000)]) assert.equal(await tunnel.echo(text), text)
      tunnel.socket.destroy()
    },
  ),

  proxyCase(
    'upgrade.outlives-promotion',
    'An upgraded connection survives promotions.',
    ['websocket'],
    async (world) => {
      const [a, b] = [await world.upstream('a'), await world.upstream('b')]
      await world.serve(a)
      const { address } = await world.endpoint()
      const tunnel = await openTunnel(address, { host: hostname })
      assert.equal(await tunnel.echo('before'), 'before')
      await world.apply(web, table([route(hostname)], b.set(dep(2))))
      assert.equal(await tunnel.echo('after'), 'after')
      const next = await openTunnel(address, { host: hostname })
      assert.equal(next.headers['x-upstream'], 'b')
      for (const { socket } of [tunnel, next]) socket.destroy()
    },
  ),

  proxyCase(
    'upgrade.ends-together',
    'Either end of an upgraded connection ends the other.',
    ['websocket'],
    async (world) => {
      const a = await world.upstream('a')
      await world.serve(a)
      const { address } = await world.endpoint()
      let far = 0
      a.server.on('upgrade', (_req, socket) => {
        far++
        socket.once('close', () => far--)
      })
      const first = await openTunnel(address, { host: hostname })
      assert.equal(far, 1)
      first.socket.destroy()
      await until('the upstream’s side ends', () => far === 0)
      const second = await openTunnel(address, { host: hostname })
      await a.close()
      await until('the client’s side ends', () => second.socket.destroyed)
    },
  ),

  proxyCase(
    'in-flight.requests',
    'Requests are counted for their upstream set, a replaced one included.',
    ['in-flight'],
    async (world) => {
      const slow = await holding(world, 'slow')
      const b = await world.upstream('b')
      await world.serve(slow.upstream)
      const answers = [world.ask(), world.ask()]
      await until('two requests run', () => slow.held.length === 2)
      assert.equal(await world.inFlight(dep(1)), 2)
      await world.apply(web, table([route(hostname)], b.set(dep(2))))
      assert.equal(await world.inFlight(dep(1)), 2)
      assert.equal(await world.inFlight(dep(2)), 0)
      slow.release()
      await Promise.all(answers)
      await until('none is left', async () => (await world.inFlight(dep(1))) === 0)
    },
  ),

  proxyCase(
    'in-flight.upgraded',
    'An open WebSocket counts until it closes.',
    ['in-flight', 'websocket'],
    async (world) => {
      const [a, b] = [await world.upstream('a'), await world.upstream('b')]
      await world.serve(a)
      const tunnel = await openTunnel((await world.endpoint()).address, { host: hostname })
      await world.apply(web, table([route(hostname)], b.set(dep(2))))
      assert.equal(await world.inFlight(dep(1)), 1)
      tunnel.socket.destroy()
      await until('it is counted no more', async () => (await world.inFlight(dep(1))) === 0)
    },
  ),

  proxyCase('in-flight.gone-clients', 'A client that left is counted no more.', ['in-flight'], async (world) => {
    const slow = await holding(world, 'slow')
    await world.serve(slow.upstream)
    const { address } = await world.endpoint()
    const req = http.get({
      ...(address.kind === 'tcp' ? { host: address.host, port: address.port } : { socketPath: address.path }),
      headers: { host: hostname },
      agent: false,
    })
    req.on('error', () => {})
    await until('the request runs', () => slow.held.length === 1)
    assert.equal(await world.inFlight(dep(1)), 1)
    req.destroy()
    await until('it is counted no more', async () => (await world.inFlight(dep(1))) === 0)
  }),

  proxyCase(
    'cut',
    'cut ends what is open to a replaced upstream set, and nothing else.',
    ['cut', 'websocket'],
    async (world) => {
      const slow = await holding(world, 'slow')
      const next = await holding(world, 'next')
      await world.serve(slow.upstream)
      const { address } = await world.endpoint()
      const tunnel = await openTunnel(address, { host: hostname })
      const old = assert.rejects(world.ask())
      await until('the old request runs', () => slow.held.length === 1)
      await world.apply(web, table([route(hostname)], next.upstream.set(dep(2))))
      const running = world.ask()
      await until('the new request runs', () => next.held.length === 1)
      await world.proxy.cut!(web, dep(1), 1)
      await world.proxy.cut!(web, dep(1), 1)
      await world.proxy.cut!(web, dep(99), 1)
      await world.proxy.cut!(web, dep(2), 1)
      await until('the old connection ends', () => tunnel.socket.destroyed)
      await old
      if (world.proxy.capabilities.inFlight) {
        await until('nothing old is counted', async () => (await world.inFlight(dep(1))) === 0)
      }
      next.release()
      const { status } = await running
      assert.equal(status, 200)
    },
  ),
]
