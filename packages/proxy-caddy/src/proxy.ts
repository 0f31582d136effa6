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
import { fenced, raiseMark, readMark } from './fences.js'
import { localFiles } from './files.js'
import { countInFlight } from './in-flight.js'
import { Elsewhere, machineFiles } from './machine.js'
import { type CaddyProxyOptions, parseListen, reachOf, refuseUnusable, settle } from './options.js'
import { OurPart } from './ours.js'
import { foreignHostnames, listensAt } from './place.js'
import { newest, nextRank, stateOf, write } from './states.js'
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
  const settings = settle(options)
  const elsewhere = settings.machine === null ? null : new Elsewhere(settings.machine)
  const files = settings.machine === null ? localFiles : machineFiles(settings.machine)
  const ours = new OurPart(settings, elsewhere)
  let context: ProxyContext | null = null
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

  const entriesOf = (read: Configuration, resourceId: string): Entry[] =>
    ours.entries(read).filter((entry) => entry.resourceId === resourceId)

  const allowedBy = (resourceId: string, token: number) => async () => {
    const mark = await readMark(folderOf(resourceId), files)
    if (token < mark.token) throw fenced(resourceId, token, mark.token)
    // What is written ranks under the mark that was compared: one that is raised after this ranks above it.
    return mark.token
  }

  const generations = async (resourceId: string): Promise<string[]> =>
    (await files.names(folderOf(resourceId))).filter((name) => name.startsWith('g'))

  const tidy = async (resourceId: string, used: string | null): Promise<void> => {
    for (const one of await generations(resourceId)) {
      const path = generationOf({ resourceId, generation: one })
      if (one !== used && Date.now() - (await files.writtenAt(path)) > keptMs) await files.discard(path)
    }
  }

  /** Where nothing of ours is configured, nothing is served, whatever the files say. */
  const served = async (resourceId: string, callOptions?: CallOptions) => {
    const [entry] = entriesOf(await ours.read(callOptions), resourceId)
    return entry === undefined ? null : { entry, state: await newest(generationOf(entry), files) }
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
      return (await readMark(folderOf(resourceId), files)).token
    },

    async fence(resourceId, token, { expected, owner, signal }) {
      signal?.throwIfAborted()
      if (token < 1) throw new AppaloftError('invalid-input', { message: 'A token is at least 1.' })
      await inTurn(resourceId, async () => {
        const folder = folderOf(resourceId)
        const { group } = settings
        await raiseMark({ folder, group, resourceId, token, expected, owner, files })
        // What a former holder still writes ranks below this, in the generation that serves and in one that it may be about to switch to.
        const present = (await served(resourceId, signal === undefined ? {} : { signal }))?.state ?? null
        for (const generation of await generations(resourceId)) {
          const at = generationOf({ resourceId, generation })
          const before = await newest(at, files)
          if ((before?.rank.token ?? 0) >= token) continue
          const state = present ?? stateOf(null, before)
          await write({
            folder: at,
            group,
            rank: { token, number: 0 },
            state: { table: state.table, former: state.former },
            files,
          })
        }
      })
    },

    async apply(resourceId, table, token, callOptions) {
      const wanted = checked(table)
      callOptions?.signal?.throwIfAborted()
      await inTurn(resourceId, async () => {
        const allowed = allowedBy(resourceId, token)
        const { group } = settings
        const [mark, read] = await Promise.all([allowed(), ours.read(callOptions)])
        const entries = entriesOf(read, resourceId)
        const current = entries[0]?.generation ?? null
        const before = current === null ? null : await newest(generationOf({ resourceId, generation: current }), files)
        const state = stateOf(wanted, before)
        refuseConflict(resourceId, wanted.routes, ours.entries(read), foreignHostnames(read.config, settings))
        const put = (generation: string) =>
          write({ folder: generationOf({ resourceId, generation }), group, rank: nextRank(mark, before), state, files })
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
          // A loser of the fence that was faster than its check: what it wrote ranks below the winner's.
          await allowed()
          // Other options than those that it was written with, or another version.
          await ours
            .change({ entries: withOurs(current), allowed, root: rootSeen(), known: read }, callOptions)
            .catch((error: unknown) => {
              // What is served is as the table says, at the former place: enough to go back to.
              if (wanted.verify !== null || !hasCode(error, 'runtime-backend-unavailable')) throw error
            })
          await tidy(resourceId, current)
          return
        }
        const generation = `g${Date.now().toString(36)}${randomBytes(4).toString('hex')}`
        try {
          await put(generation)
          // After the generation is there: a new holder who did not see it has raised the mark before this.
          await allowed()
          await ours.change({ entries: withOurs(generation), allowed, root: rootSeen(), known: read }, callOptions)
        } catch (error) {
          const present = await served(resourceId).catch(() => undefined)
          if (present !== undefined && present?.entry.generation !== generation)
            await files.discard(generationOf({ resourceId, generation }))
          throw error
        }
        await tidy(resourceId, generation)
      })
    },

    async observe(resourceId, callOptions) {
      const token = (await readMark(folderOf(resourceId), files)).token
      if (token === 0 && (await generations(resourceId)).length === 0) return { table: null, token, inFlight: [] }
      const state = (await served(resourceId, callOptions))?.state ?? null
      if (state === null) return { table: null, token, inFlight: [] }
      const { table, former } = state
      const sets = [
        ...[table?.live, table?.staged].flatMap((set) => (set ? [{ set, replaced: false }] : [])),
        ...former.map((set) => ({ set, replaced: true })),
      ]
      const count = async () => countInFlight(sets, await ours.inFlight(callOptions))
      let inFlight = await count()
      const [last] = former
      const age = Date.now() - state.at
      if (last !== undefined && age < settleMs && !inFlight.some((one) => one.deploymentId === last.deploymentId)) {
        await sleep(Math.min(settleMs, settleMs - age))
        inFlight = await count()
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
      const address = settings.endpoint ?? reachOf(listensAt(read.config, settings, 'http'))
      return {
        address: elsewhere === null ? address : await elsewhere.way(address),
        publicScheme: secured ? 'https' : 'http',
        publicPort: parseListen(listensAt(read.config, settings, secured ? 'https' : 'http'))!.from,
      }
    },

    async remove(resourceId, token, callOptions) {
      callOptions?.signal?.throwIfAborted()
      await inTurn(resourceId, async () => {
        const allowed = allowedBy(resourceId, token)
        await allowed()
        if ((await generations(resourceId)).length === 0) return
        const entries = (present: Entry[]) => present.filter((entry) => entry.resourceId !== resourceId)
        await ours.change({ entries, allowed, root: rootSeen() }, callOptions)
        for (const generation of await generations(resourceId))
          await files.discard(generationOf({ resourceId, generation }))
      })
    },
  }
}
