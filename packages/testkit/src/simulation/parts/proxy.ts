import type { CallOptions, Proxy } from '@appaloft/core/spec'
import { effectHappens, routesChange } from '../invariants/effects.js'
import type { SimulatedProcess } from '../process.js'
import { proxyHost } from '../routing.js'
import { compare, raise } from './marks.js'
import { unavailable } from './unavailable.js'

/** The one proxy of a run, as one engine reaches it. */
export function simulatedProxy(process: SimulatedProcess): Proxy {
  const { simulation } = process
  const { routing, users } = simulation
  const read = <T>(method: string, about: string, effect: () => T, options?: CallOptions) =>
    process.call({ port: 'proxy', method, about, effect, failure: unavailable }, options)
  const effect = (method: string, id: string, token: number, about: string, act: () => void, options?: CallOptions) =>
    read(
      method,
      `${id} ${about} under ${token}`,
      () => {
        compare(routing.marks, id, token)
        effectHappens(simulation, 'proxy', id, token, `${method} of ${id}`)
        users.maybeBegin(id)
        act()
      },
      options,
    )

  return {
    specVersion: 1,
    key: 'sim-proxy',
    capabilities: {
      staged: true,
      identity: true,
      websocket: false,
      tls: false,
      wildcardHostnames: true,
      resourcePort: true,
      promotionVisibleMs: 1,
      fencing: 'compare',
      inFlight: true,
    },
    mark: (id, options) => read('mark', id, () => routing.marks.get(id)?.token ?? 0, options),
    fence: (id, token, { signal, ...rest }) =>
      read('fence', `${id} ${token}`, () => raise(routing.marks, id, token, rest), signal ? { signal } : {}),
    apply: (id, table, token, options) =>
      effect(
        'apply',
        id,
        token,
        `live ${table.live?.deploymentId ?? '-'} staged ${table.staged?.deploymentId ?? '-'}`,
        () => {
          routing.apply(id, table)
          routesChange(simulation, id)
        },
        options,
      ),
    observe: (id, options) =>
      read(
        'observe',
        id,
        () => {
          const table = routing.tables.get(id) ?? null
          const ids = new Set([table?.live, table?.staged].flatMap((set) => (set == null ? [] : [set.deploymentId])))
          for (const one of users.open) if (one.resourceId === id) ids.add(one.deploymentId)
          return {
            table: table === null ? null : structuredClone(table),
            token: routing.marks.get(id)?.token ?? 0,
            inFlight: [...ids].map((deploymentId) => ({ deploymentId, count: users.count(id, deploymentId) })),
          }
        },
        options,
      ),
    endpoint: (id, options) =>
      read(
        'endpoint',
        id,
        () => {
          const port = routing.port(id)
          const address = { kind: 'tcp' as const, host: proxyHost, port }
          return { address, publicScheme: 'http' as const, publicPort: port }
        },
        options,
      ),
    remove: (id, token, options) => effect('remove', id, token, '', () => routing.remove(id), options),
    cut: (id, deploymentId, token, options) =>
      effect(
        'cut',
        id,
        token,
        deploymentId,
        () => {
          const table = routing.tables.get(id)
          if (table?.live?.deploymentId === deploymentId || table?.staged?.deploymentId === deploymentId) return
          users.cut(id, deploymentId)
        },
        options,
      ),
  }
}
