import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppaloftError, type Proxy, type ProxyCapabilities, type ProxyContext } from '@appaloft/core/spec'
import { applyTable } from './apply.js'
import type { Entry } from './entries.js'
import { markOf } from './fences.js'
import { localFiles } from './files.js'
import { countInFlight } from './in-flight.js'
import { isPlaced, later } from './later.js'
import { Elsewhere, machineFiles } from './machine.js'
import { type CaddyProxyOptions, parseListen, reachOf, refuseUnusable, settle } from './options.js'
import { OurPart } from './ours.js'
import { listensAt } from './place.js'
import { raiseFence } from './raise.js'
import { remembering } from './remembered.js'
import { type Read, Resource } from './resource.js'
import { checked } from './tables.js'

const capabilities = (tls: boolean): ProxyCapabilities =>
  Object.freeze({
    staged: true,
    identity: true,
    websocket: true,
    tls: tls ? 'auto' : false,
    wildcardHostnames: true,
    resourcePort: false,
    promotionVisibleMs: 10,
    fencing: 'name',
    inFlight: true,
  } as const)

/** A request that chose its upstream is counted there after this long at the latest. */
const settleMs = 100
/** Who asks later, or again, is told what is there then. */
const newMs = 2_000

/**
 * Caddy, one that runs already or one that the target runs: routes are in its configuration, under names of ours; which release serves
 * them is said by the names of files that Caddy looks at for each request. So staging, promotion and rollback change no configuration,
 * open no listener and cut no connection. A change of hostnames or paths does change it: see the guide for what that costs.
 */
export function caddy(options: CaddyProxyOptions = {}): Proxy {
  if (!isPlaced(options)) return later(options, caddy)
  const settings = settle(options)
  const elsewhere = settings.machine === null ? null : new Elsewhere(settings.machine)
  const files = remembering(settings.machine === null ? localFiles : machineFiles(settings.machine))
  const ours = new OurPart(settings, elsewhere)
  let context: ProxyContext | null = null
  /** What the configuration was after a table was applied: it answers the one question where that is served, if it comes soon. */
  const applied = new Map<string, { read: Read; at: number }>()
  const queues = new Map<string, Promise<unknown>>()

  const rootOf = (): string => {
    if (settings.root !== null) return settings.root
    if (context === null)
      throw new AppaloftError('invalid-composition', { message: 'The Caddy proxy was not opened by a target.' })
    return join(context.stateDir, 'caddy')
  }
  const rootSeen = (): string => settings.rootSeen ?? rootOf()

  /** One after the other within this process; between processes, names and `If-Match` decide. */
  const inTurn = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const turn = (queues.get(key) ?? Promise.resolve()).then(work, work)
    const settled = turn.catch(() => {})
    queues.set(key, settled)
    void settled.then(() => queues.get(key) === settled && queues.delete(key))
    return turn
  }

  /** Where users are served, on the machine. */
  const servedAt = (read: Read) => settings.endpoint ?? reachOf(listensAt(read.config, settings, 'http'))

  const resource = (id: string): Resource => new Resource(id, join(rootOf(), id), files, ours)

  return {
    specVersion: 1,
    key: settings.key,
    capabilities: capabilities(settings.tls !== 'off'),

    async open(opened) {
      context = opened
      refuseUnusable(rootSeen())
    },

    async mark(resourceId) {
      return markOf(await resource(resourceId).look('fences')).token
    },

    async fence(resourceId, token, { expected, owner, signal }) {
      signal?.throwIfAborted()
      if (token < 1) throw new AppaloftError('invalid-input', { message: 'A token is at least 1.' })
      const raising = { token, expected, owner, group: settings.group }
      const one = resource(resourceId)
      await inTurn(resourceId, () => raiseFence(one, raising, signal === undefined ? {} : { signal }))
      // Who raised it asks there, if it is served.
      const { last } = ours
      if (last !== null && one.entries(last).length > 0) elsewhere?.prepare(() => servedAt(last))
    },

    async apply(resourceId, table, token, callOptions) {
      const wanted = checked(table)
      callOptions?.signal?.throwIfAborted()
      await inTurn(resourceId, async () => {
        applied.delete(resourceId)
        const applying = { resource: resource(resourceId), wanted, token, settings, root: rootSeen() }
        const read = await applyTable(applying, callOptions)
        // Where it is served is asked for next.
        applied.set(resourceId, { read, at: performance.now() })
        elsewhere?.prepare(() => servedAt(read))
      })
    },

    async observe(resourceId, callOptions) {
      const one = resource(resourceId)
      const began = Date.now()
      const needless = new AbortController()
      const signals = [needless.signal, ...(callOptions?.signal ? [callOptions.signal] : [])]
      const asking = { ...callOptions, signal: AbortSignal.any(signals) }
      // Who does not run is not started by it.
      const running = ours.peek(asking)
      const counted = ours.inFlightIfRunning(asking)
      // Waited for below, if at all.
      for (const asked of [running, counted]) asked.catch(() => undefined)
      const looked = await one.look()
      if (markOf(looked).token === 0 && looked.generations.length === 0) {
        needless.abort()
        return { table: null, token: 0, inFlight: [] }
      }
      const { seen, read } = await one.matching(looked, await running, callOptions)
      const { token } = markOf(seen)
      const state = read === null ? null : one.served(read, seen)
      if (state === null) return { table: null, token, inFlight: [] }
      const { table, former } = state
      const sets = [
        ...[table?.live, table?.staged].flatMap((set) => (set ? [{ set, replaced: false }] : [])),
        ...former.map((set) => ({ set, replaced: true })),
      ]
      let inFlight = countInFlight(sets, (await counted) ?? (await ours.inFlight(callOptions)))
      const [last] = former
      const age = began - state.at
      if (last !== undefined && age < settleMs && !inFlight.some((one) => one.deploymentId === last.deploymentId)) {
        await sleep(Math.max(0, state.at + settleMs - Date.now()))
        inFlight = countInFlight(sets, await ours.inFlight(callOptions))
      }
      return { table, token, inFlight }
    },

    async endpoint(resourceId, callOptions) {
      const known = applied.get(resourceId)
      applied.delete(resourceId)
      const isNew = known !== undefined && performance.now() - known.at < newMs
      const read = isNew ? known.read : await ours.read(callOptions)
      const entries = resource(resourceId).entries(read)
      if (entries.length === 0)
        throw new AppaloftError('resource-not-found', {
          message: `The proxy has no route of ${resourceId}.`,
          details: { resourceId },
        })
      const secured = settings.tls !== 'off' && entries.some(({ route }) => route.tls === 'auto')
      const address = servedAt(read)
      return {
        address: elsewhere === null ? address : await elsewhere.way(address, callOptions),
        publicScheme: secured ? 'https' : 'http',
        publicPort: parseListen(listensAt(read.config, settings, secured ? 'https' : 'http'))!.from,
      }
    },

    async remove(resourceId, token, callOptions) {
      callOptions?.signal?.throwIfAborted()
      await inTurn(resourceId, async () => {
        applied.delete(resourceId)
        const one = resource(resourceId)
        const seen = await one.look()
        one.allowed(token, seen)
        if (seen.generations.length === 0) return
        const entries = (present: Entry[]) => present.filter((entry) => entry.resourceId !== resourceId)
        const allowed = async () => one.allowed(token, await one.look('fences'))
        await ours.change({ entries, allowed, root: rootSeen() }, callOptions)
        // Also what came meanwhile.
        const left = (await one.look()).generations
        if (left.length > 0) await one.change(one.discarding(left))
      })
    },
  }
}
