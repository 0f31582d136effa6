import { controlCases } from './proxy/control.js'
import { flowCases } from './proxy/flow.js'
import { messageCases } from './proxy/messages.js'
import { routingCases } from './proxy/routing.js'
import { stagedCases } from './proxy/staged.js'
import { trafficCases } from './proxy/traffic.js'
import type { ProxyFactory } from './proxy/world.js'
import type { ConformanceCase } from './suite.js'

export { type ProxyFactory, type ProxySubject, proxyAbilities } from './proxy/world.js'

/**
 * What every proxy promises. Each case makes a proxy of its own, starts real upstreams on 127.0.0.1 and asks through `endpoint()`, with
 * real hostnames that no DNS knows. `proxyAbilities(proxy)` tells which cases apply.
 */
export const proxyConformance: readonly ConformanceCase<ProxyFactory>[] = [
  ...controlCases,
  ...routingCases,
  ...stagedCases,
  ...messageCases,
  ...flowCases,
  ...trafficCases,
]
