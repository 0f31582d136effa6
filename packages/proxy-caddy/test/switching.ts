import { setTimeout as sleep } from 'node:timers/promises'
import type { Proxy, Route, RouteTable } from '@appaloft/core/spec'
import { busyClients, type Moment } from './clients.js'
import { dep, startRelease, type TestRelease } from './releases.js'

export const hostname = 'web.example.test'
export const web = 'res_web'

export const route = (name: string, rest: Partial<Route> = {}): Route => ({
  hostname: name,
  pathPrefix: '/',
  pathHandling: 'preserve',
  redirectTo: null,
  tls: 'off',
  ...rest,
})

export const table = (live: TestRelease | null, rest: Partial<RouteTable> = {}): RouteTable => ({
  routes: [route(hostname)],
  live: live?.set ?? null,
  staged: null,
  verify: null,
  identity: 'always',
  ...rest,
})

const tokenOf = (number: number) => String(number).padStart(32, 'a')

/** One resource under load, deployed to as the engine does it: staged, asked with the token, promoted, drained, stopped. */
export async function underLoad(proxy: Proxy, port: number) {
  const releases = new Map<string, TestRelease>()
  let live = await startRelease(1)
  releases.set(dep(1), live)
  let token = 1
  await proxy.fence(web, token, { expected: 0, owner: dep(1) })
  await proxy.apply(web, table(live), token)
  // The first hostname changed the configuration: what waits at the listener that Caddy is just closing is reset, and says nothing of what follows.
  await sleep(500)
  let moment: Moment = { earliest: dep(1), latest: dep(1) }
  const clients = busyClients({
    port,
    hostname,
    moment: () => moment,
    stopped: (id) => releases.get(id)?.stopped ?? false,
  })

  const deploy = async (number: number, drainMs: number): Promise<void> => {
    const next = await startRelease(number)
    releases.set(dep(number), next)
    await proxy.fence(web, token + 1, { expected: token, owner: dep(number) })
    token++
    const verify = { token: tokenOf(number), deploymentId: dep(number) }
    await proxy.apply(web, table(live, { staged: next.set, verify }), token)
    moment = { earliest: live.set.deploymentId, latest: dep(number) }
    await proxy.apply(web, table(next, { verify }), token)
    await sleep(proxy.capabilities.promotionVisibleMs)
    moment = { earliest: dep(number), latest: dep(number) }
    const former = live
    live = next
    await proxy.apply(web, table(live), token)
    for (const end = performance.now() + drainMs; performance.now() < end; await sleep(50)) {
      const { inFlight } = await proxy.observe(web)
      if ((inFlight.find((one) => one.deploymentId === former.set.deploymentId)?.count ?? 0) === 0) break
    }
    await former.stop()
  }

  return {
    clients,
    deploy,
    live: () => live,
    token: () => token,
    close: async () => {
      await clients.end()
      for (const one of releases.values()) if (!one.stopped) await one.stop()
    },
  }
}
