import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Endpoint,
  identityHeader,
  type Proxy,
  type Route,
  type RouteTable,
  type UpstreamSet,
  verifyHeader,
} from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { type Answer, ask, type Question } from './http.js'
import { type Handler, type Seen, startUpstream, type TestUpstream } from './upstream.js'

/** A proxy made for one case: opened, with nothing in it. */
export interface ProxySubject {
  proxy: Proxy
  /** With the ability `restart`: ends the proxy's process without warning and resolves when it is back. */
  restart?(): Promise<void>
  close(): Promise<void>
}

export interface ProxyFactory {
  create(): Promise<ProxySubject>
}

/** What the suite's cases require, as a proxy declares it. `more`: `restart`, and `trailers` where they are passed on. */
export function proxyAbilities(proxy: Proxy, more: readonly string[] = []): string[] {
  const { capabilities: can } = proxy
  const abilities: [string, boolean][] = [
    ['staged', can.staged],
    ['identity', can.identity],
    ['websocket', can.websocket],
    ['wildcard', can.wildcardHostnames],
    ['resource-port', can.resourcePort],
    ['fencing', can.fencing !== 'none'],
    ['in-flight', can.inFlight],
    ['cut', proxy.cut !== undefined],
  ]
  return [...abilities.filter(([, has]) => has).map(([name]) => name), ...more]
}

export const token = 'f00dfeedf00dfeedf00dfeedf00dfeed'
export const otherToken = 'decafbaddecafbaddecafbaddecafbad'
/** A valid id of a deployment for each number. */
export const dep = (number: number): string => `dep_01j${String(number).padStart(23, '0')}`

export const route = (hostname: string | null, rest: Partial<Route> = {}): Route => ({
  hostname,
  pathPrefix: '/',
  pathHandling: 'preserve',
  redirectTo: null,
  tls: 'off',
  ...rest,
})

export const table = (routes: Route[], live: UpstreamSet | null, rest: Partial<RouteTable> = {}): RouteTable => ({
  routes,
  live,
  staged: null,
  verify: null,
  identity: 'always',
  ...rest,
})

export const web = 'res_web'
export const hostname = 'web.example.test'

/** One proxy, with what a case starts around it. */
export class World {
  readonly #upstreams: TestUpstream[] = []
  readonly #owned = new Set<string>()

  constructor(readonly subject: ProxySubject) {}

  get proxy(): Proxy {
    return this.subject.proxy
  }

  async upstream(name: string, handler?: Handler): Promise<TestUpstream> {
    const upstream = await startUpstream(name, handler)
    this.#upstreams.push(upstream)
    return upstream
  }

  /** Applies with token 1, raising the fence before the first time, and waits until the change is visible. */
  async apply(resourceId: string, next: RouteTable): Promise<void> {
    if (!this.#owned.has(resourceId)) {
      this.#owned.add(resourceId)
      await this.proxy.fence(resourceId, 1, { expected: 0, owner: dep(1) })
    }
    await this.proxy.apply(resourceId, next, 1)
    await this.visible()
  }

  /** Serves the upstream as the resource `res_web` under `web.example.test`. */
  async serve(upstream: TestUpstream, rest: Partial<RouteTable> = {}): Promise<void> {
    await this.apply(web, table([route(hostname)], upstream.set(dep(1)), rest))
  }

  visible(): Promise<void> {
    return sleep(this.proxy.capabilities.promotionVisibleMs + 1)
  }

  endpoint(resourceId: string = web): Promise<Endpoint> {
    return this.proxy.endpoint(resourceId)
  }

  /** Asks the endpoint of `res_web`, by default with the Host `web.example.test`. May be left unawaited by a case that fails. */
  ask(question: Question = {}, resourceId: string = web): Promise<Answer> {
    const answer = this.endpoint(resourceId).then(({ address }) => ask(address, { host: hostname, ...question }))
    answer.catch(() => {})
    return answer
  }

  /** The same, and what the upstream saw. */
  async seen(question: Question = {}, resourceId: string = web): Promise<Seen> {
    const answer = await this.ask(question, resourceId)
    assert.equal(answer.status, 200, `answered ${answer.status}: ${answer.body}`)
    return JSON.parse(answer.body.toString('utf8')) as Seen
  }

  async inFlight(deploymentId: string, resourceId: string = web): Promise<number> {
    const { inFlight } = await this.proxy.observe(resourceId)
    const found = inFlight.find((one) => one.deploymentId === deploymentId)
    assert.notEqual(found?.count, 'unknown')
    return Number(found?.count ?? 0)
  }

  async close(): Promise<void> {
    await this.subject.close()
    await Promise.all(this.#upstreams.map((upstream) => upstream.close()))
  }
}

export const withToken = (value: string = token) => ({ [verifyHeader]: value })
export const identityOf = (answer: { headers: Answer['headers'] }): string | undefined => {
  const value = answer.headers[identityHeader]
  return Array.isArray(value) ? value.join(', ') : value
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 3_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > deadline) assert.fail(`not within ${withinMs} ms: ${what}`)
    await sleep(5)
  }
}

/** Rejects with this code; anything else fails the case. */
export async function rejectsWith(code: string, call: () => Promise<unknown>, why: string): Promise<void> {
  await assert.rejects(
    call,
    (error: unknown) => {
      assert.equal((error as { code?: unknown }).code, code, why)
      return true
    },
    why,
  )
}

export const proxyCase = (
  id: string,
  title: string,
  requires: readonly string[],
  run: (world: World) => Promise<void>,
): ConformanceCase<ProxyFactory> => ({
  id: `proxy.${id}`,
  title,
  requires,
  async run(factory) {
    const world = new World(await factory.create())
    try {
      await run(world)
    } finally {
      await world.close()
    }
  },
})
