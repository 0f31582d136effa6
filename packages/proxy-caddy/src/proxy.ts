import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import {
  AppaloftError,
  type CallOptions,
  hasCode,
  type Proxy,
  type ProxyCapabilities,
  type ProxyContext,
} from '@appaloft/core/spec'
import type { Configuration } from './admin.js'
import type { Entry } from './entries.js'
import { fenced, markOf, outdatedFences, raiseMark } from './fences.js'
import { type Generation, type Look, localFiles, type Step } from './files.js'
import { countInFlight } from './in-flight.js'
import { isPlaced, later } from './later.js'
import { Elsewhere, machineFiles } from './machine.js'
import { type CaddyProxyOptions, parseListen, reachOf, refuseUnusable, settle } from './options.js'
import { OurPart } from './ours.js'
import { foreignHostnames, listensAt } from './place.js'
import { nextRank, type Ranked, stateIn, stateOf, writing } from './states.js'
import { checked, entriesFor, refuseConflict, sorted } from './tables.js'

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
/** A generation that is out of use may still be looked at by requests that came under the former configuration. */
const keptMs = 60_000

/**
 * Caddy, one that runs already or one that the target runs: routes are in its configuration, under names of ours; which release serves
 * them is said by the names of files that Caddy looks at for each request. So staging, promotion and rollback change no configuration,
 * open no listener and cut no connection. A change of hostnames or paths does change it: see the guide for what that costs.
 */
export function caddy(options: CaddyProxyOptions = {}): Proxy {
  if (!isPlaced(options)) return later(options, caddy)
  const settings = settle(options)
  const elsewhere = settings.machine === null ? null : new Elsewhere(settings.machine)
  const files = settings.machine === null ? localFiles : machineFiles(settings.machine)
  const ours = new OurPart(settings, elsewhere)
  let context: ProxyContext | null = null
  /** Resources of which something was seen. */
  const touched = new Set<string>()
  const queues = new Map<string, Promise<unknown>>()

  const rootOf = (): string => {
    if (settings.root !== null) return settings.root
    if (context === null)
      throw new AppaloftError('invalid-composition', { message: 'The Caddy proxy was not opened by a target.' })
    return join(context.stateDir, 'caddy')
  }
  const rootSeen = (): string => settings.rootSeen ?? rootOf()
  const folderOf = (resourceId: string): string => join(rootOf(), resourceId)
  const generationOf = (entry: Pick<Entry, 'resourceId' | 'generation'>): string =>
    join(folderOf(entry.resourceId), entry.generation)

  /** One after the other within this process; between processes, names and `If-Match` decide. */
  const inTurn = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const turn = (queues.get(key) ?? Promise.resolve()).then(work, work)
    const settled = turn.catch(() => {})
    queues.set(key, settled)
    void settled.then(() => queues.get(key) === settled && queues.delete(key))
    return turn
  }

  /** Where users are served, on the machine. */
  const servedAt = (read: Configuration) => settings.endpoint ?? reachOf(listensAt(read.config, settings, 'http'))

  const entriesOf = (read: Configuration, resourceId: string): Entry[] =>
    ours.entries(read).filter((entry) => entry.resourceId === resourceId)

  const look = (resourceId: string, only?: 'fences') => files.look(folderOf(resourceId), only)
  const change = (resourceId: string, steps: readonly Step[]) => files.change(folderOf(resourceId), steps)

  /** What is written ranks under the mark that was compared: one that is raised after this ranks above it. */
  const allowed = (resourceId: string, token: number, seen: Look): number => {
    const mark = markOf(seen)
    if (token < mark.token) throw fenced(resourceId, token, mark.token)
    return mark.token
  }
  const allowedBy = (resourceId: string, token: number) => async () =>
    allowed(resourceId, token, await look(resourceId, 'fences'))

  const discarding = (resourceId: string, some: readonly Generation[]): Step[] =>
    some.map(({ name }) => ({ do: 'discard', path: generationOf({ resourceId, generation: name }) }))

  /** Generations out of use. */
  const unused = ({ generations }: Look, used: string): Generation[] =>
    generations.filter(({ name, writtenAt }) => name !== used && Date.now() - writtenAt > keptMs)

  /** Where nothing of ours is configured, nothing is served, whatever the files say. */
  const servedOf = (resourceId: string, read: Configuration, seen: Look): Ranked | null => {
    const [entry] = entriesOf(read, resourceId)
    const generation = seen.generations.find(({ name }) => name === entry?.generation)
    return generation === undefined ? null : stateIn(generation)
  }

  /**
   * By a configuration that was read before the look; null: it does not tell. What is configured is there: where there is one generation
   * alone, and that was configured, no other was put in its place meanwhile.
   */
  const stillServed = (resourceId: string, earlier: Configuration | null, seen: Look): Ranked | null =>
    earlier !== null && seen.generations.length === 1 ? servedOf(resourceId, earlier, seen) : null

  /** A generation that is configured was there before it was: where it is not seen, it came after the look. */
  const lookAndRead = async (resourceId: string, callOptions?: CallOptions) => {
    const [seen, running] = await Promise.all([look(resourceId), ours.peek(callOptions)])
    // Caddy need not run, nor be started, to say that nothing of a resource is there.
    if (running === null && seen.generations.length === 0) return { read: null, seen }
    const read = running ?? (await ours.read(callOptions))
    const [entry] = entriesOf(read, resourceId)
    const known = entry === undefined || seen.generations.some(({ name }) => name === entry.generation)
    return { read, seen: known ? seen : await look(resourceId) }
  }

  return {
    specVersion: 1,
    key: settings.key,
    capabilities: capabilities(settings.tls !== 'off'),

    async open(opened) {
      context = opened
      refuseUnusable(rootSeen())
    },

    async mark(resourceId) {
      return markOf(await look(resourceId, 'fences')).token
    },

    async fence(resourceId, token, { expected, owner, signal }) {
      signal?.throwIfAborted()
      if (token < 1) throw new AppaloftError('invalid-input', { message: 'A token is at least 1.' })
      await inTurn(resourceId, async () => {
        const folder = folderOf(resourceId)
        const { group } = settings
        const callOptions = signal === undefined ? {} : { signal }
        const early = touched.has(resourceId) ? ours.peek(callOptions).catch(() => null) : null
        const seen = await raiseMark({ folder, group, resourceId, token, expected, owner, files })
        const steps = outdatedFences(folder, seen)
        // What a former holder still writes ranks below this, in the generation that serves and in one that it may be about to switch to.
        const present =
          seen.generations.length === 0
            ? null
            : (stillServed(resourceId, await early, seen) ?? servedOf(resourceId, await ours.read(callOptions), seen))
        for (const generation of seen.generations) {
          const at = generationOf({ resourceId, generation: generation.name })
          const before = stateIn(generation)
          if ((before?.rank.token ?? 0) >= token) continue
          const { table, former } = present ?? stateOf(null, before)
          const rank = { token, number: 0 }
          steps.push(...writing({ folder: at, group, rank, state: { table, former }, present: generation.names }))
        }
        if (steps.length > 0) await change(resourceId, steps)
      })
    },

    async apply(resourceId, table, token, callOptions) {
      const wanted = checked(table)
      callOptions?.signal?.throwIfAborted()
      await inTurn(resourceId, async () => {
        const { group } = settings
        const { seen, read: running } = await lookAndRead(resourceId, callOptions)
        const read = running ?? (await ours.read(callOptions))
        const mark = allowed(resourceId, token, seen)
        const entries = entriesOf(read, resourceId)
        const current = entries[0]?.generation ?? null
        const generationAt = (name: string) => seen.generations.find((one) => one.name === name)
        const serving = current === null ? undefined : generationAt(current)
        const before = serving === undefined ? null : stateIn(serving)
        const state = stateOf(wanted, before)
        refuseConflict(resourceId, wanted.routes, ours.entries(read), foreignHostnames(read.config, settings))
        /** Also what lies about too long. A loser of the fence that was faster than its check: what it wrote ranks below the winner's. */
        const put = async (generation: string) => {
          const folder = generationOf({ resourceId, generation })
          const present = generationAt(generation)?.names ?? []
          const steps = writing({ folder, group, rank: nextRank(mark, before), state, present })
          if (generation === current) steps.push(...discarding(resourceId, unused(seen, generation)))
          allowed(resourceId, token, await change(resourceId, steps))
        }
        const changing = (generation: string) =>
          ours.change(
            { entries: withOurs(generation), allowed: allowedBy(resourceId, token), root: rootSeen(), known: read },
            callOptions,
          )
        const withOurs = (generation: string) => (present: Entry[], now: Configuration) => {
          refuseConflict(resourceId, wanted.routes, present, foreignHostnames(now.config, settings))
          return [
            ...present.filter((entry) => entry.resourceId !== resourceId),
            ...entriesFor(resourceId, generation, wanted.routes),
          ]
        }
        if (
          current !== null &&
          isDeepStrictEqual(sorted(entries), sorted(entriesFor(resourceId, current, wanted.routes)))
        ) {
          await put(current)
          // Other options than those that it was written with, or another version.
          await changing(current).catch((error: unknown) => {
            // What is served is as the table says, at the former place: enough to go back to.
            if (wanted.verify !== null || !hasCode(error, 'runtime-backend-unavailable')) throw error
          })
          // What was applied is asked for there next.
          elsewhere?.prepare(() => servedAt(read))
          return
        }
        const generation = `g${Date.now().toString(36)}${randomBytes(4).toString('hex')}`
        try {
          // Before its mark is compared: a new holder who did not see it has raised the mark before this.
          await put(generation)
          await changing(generation)
        } catch (error) {
          const now = await ours.read().catch(() => null)
          if (now !== null && entriesOf(now, resourceId)[0]?.generation !== generation)
            await change(resourceId, [{ do: 'discard', path: generationOf({ resourceId, generation }) }])
          throw error
        }
        const left = unused(seen, generation)
        if (left.length > 0) await change(resourceId, discarding(resourceId, left))
      })
    },

    async observe(resourceId, callOptions) {
      // Caddy is not asked, nor started, where nothing of the resource is.
      if (!touched.has(resourceId)) {
        ours.prepare()
        const first = await look(resourceId)
        if (markOf(first).token === 0 && first.generations.length === 0) return { table: null, token: 0, inFlight: [] }
        touched.add(resourceId)
      }
      const began = Date.now()
      const asked = lookAndRead(resourceId, callOptions)
      const counted = ours.inFlightIfRunning(callOptions)
      // Waited for below.
      counted.catch(() => undefined)
      const { seen, read } = await asked
      const { token } = markOf(seen)
      const state = read === null ? null : servedOf(resourceId, read, seen)
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
      const read = await ours.read(callOptions)
      const entries = entriesOf(read, resourceId)
      if (entries.length === 0)
        throw new AppaloftError('resource-not-found', {
          message: `The proxy has no route of ${resourceId}.`,
          details: { resourceId },
        })
      const secured = settings.tls !== 'off' && entries.some(({ route }) => route.tls === 'auto')
      const address = servedAt(read)
      return {
        address: elsewhere === null ? address : await elsewhere.way(address),
        publicScheme: secured ? 'https' : 'http',
        publicPort: parseListen(listensAt(read.config, settings, secured ? 'https' : 'http'))!.from,
      }
    },

    async remove(resourceId, token, callOptions) {
      callOptions?.signal?.throwIfAborted()
      await inTurn(resourceId, async () => {
        const seen = await look(resourceId)
        allowed(resourceId, token, seen)
        if (seen.generations.length === 0) return
        const entries = (present: Entry[]) => present.filter((entry) => entry.resourceId !== resourceId)
        await ours.change({ entries, allowed: allowedBy(resourceId, token), root: rootSeen() }, callOptions)
        // Also what came meanwhile.
        const left = (await look(resourceId)).generations
        if (left.length > 0) await change(resourceId, discarding(resourceId, left))
      })
    },
  }
}
