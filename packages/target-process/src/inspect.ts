import { setTimeout as sleep } from 'node:timers/promises'
import type { CallOptions, InstanceState, Reach, RunningRef, RunningState } from '@appaloft/core/spec'
import { readStatus } from './keeper/status.js'
import type { Listeners } from './listening.js'
import { lockHolder } from './shared/lock.js'
import type { Layout } from './shared/paths.js'
import { isAlive } from './shared/processes.js'
import { type InstanceRecord, type ReleaseMeta, readMeta, readState } from './shared/records.js'

/** So long a living keeper may take to write down an end that is already to be seen. */
const noticeMs = 1_000

interface Seen {
  meta: ReleaseMeta
  instances: InstanceRecord[]
}

/** Reads what the keeper wrote and what the system says; asks nobody, starts nothing. Null: there is no such release. */
async function look(layout: Layout, ref: RunningRef, signal: AbortSignal | undefined): Promise<Seen | null> {
  const folder = layout.release(ref)
  const end = performance.now() + noticeMs
  for (;;) {
    signal?.throwIfAborted()
    const meta = readMeta(folder)
    if (meta === null) return null
    const { instances } = readState(folder)
    const unwritten = meta.kind === 'process' && instances.some((one) => one.state === 'running' && !lives(one))
    // The end of a process and its exit code become visible one after the other: wait for the second.
    if (!unwritten || performance.now() > end || lockHolder(layout.lock('keeper')) === null) return { meta, instances }
    await sleep(5)
  }
}

/** So long after its start a process that listens nowhere is nothing to look into. */
const youngMs = 1_000

const isYoung = ({ startedAt }: InstanceRecord): boolean => {
  const age = startedAt === null ? Number.NaN : Date.now() - Date.parse(startedAt)
  return age >= 0 && age < youngMs
}

const lives = (record: InstanceRecord): boolean => record.identity !== null && isAlive(record.identity)

/** @param listeners null: what it listens on does not matter to the caller */
export async function inspect(
  layout: Layout,
  listeners: Listeners | null,
  ref: RunningRef,
  { signal }: CallOptions = {},
): Promise<RunningState> {
  const seen = await look(layout, ref, signal)
  if (seen === null) return { state: 'absent', instances: [] }
  const instances = await Promise.all(
    seen.instances.map((record) =>
      seen.meta.kind === 'static' ? siteState(layout, ref, record) : processState(layout, listeners, ref, record),
    ),
  )
  return { state: together(instances), instances }
}

async function processState(
  layout: Layout,
  listeners: Listeners | null,
  ref: RunningRef,
  record: InstanceRecord,
): Promise<InstanceState> {
  const alive = lives(record)
  // Without a keeper nothing starts it again for now.
  const state = record.state === 'running' && !alive ? 'exited' : record.state
  const settled = state === 'restarting' && lockHolder(layout.lock('keeper')) === null ? 'exited' : state
  const { identity, port } = record
  const listening =
    alive && identity !== null && listeners !== null
      ? await listeners.of(identity, port, { young: isYoung(record) })
      : null
  return {
    id: `${ref.deploymentId}.${record.index}`,
    state: settled,
    restarts: record.restarts,
    ...(alive && record.identity !== null ? { pid: record.identity.pid } : {}),
    ...(record.exitCode === null || alive ? {} : { exitCode: record.exitCode }),
    ...(record.signal === null || alive ? {} : { signal: record.signal }),
    ...(listening === null ? {} : { listening: listening.map((one) => one.port) }),
    ...(record.port === null ? {} : { expectedPort: record.port }),
    ...(record.startedAt === null ? {} : { startedAt: record.startedAt }),
  }
}

/** A site lives as long as the helper that serves it, which the keeper starts again when it dies. */
function siteState(layout: Layout, ref: RunningRef, record: InstanceRecord): InstanceState {
  const helper = readStatus(layout, 'static')
  const served = helper !== null && isAlive(helper.identity)
  const kept = lockHolder(layout.lock('keeper')) !== null
  const running = record.state === 'running'
  return {
    id: `${ref.deploymentId}.0`,
    state: !running ? record.state : served ? 'running' : kept ? 'restarting' : 'exited',
    restarts: 0,
    ...(running && served ? { pid: helper.identity.pid } : {}),
    ...(record.port === null ? {} : { expectedPort: record.port, listening: running && served ? [record.port] : [] }),
    ...(record.startedAt === null ? {} : { startedAt: record.startedAt }),
  }
}

function together(instances: readonly InstanceState[]): RunningState['state'] {
  if (instances.length === 0) return 'starting'
  const has = (...states: InstanceState['state'][]) => instances.some((one) => states.includes(one.state))
  if (has('exited')) return 'exited'
  return has('starting', 'restarting') ? 'starting' : 'running'
}

/** The plan's port is a name here: it stands for the one in PORT. Any other is meant literally. */
export async function reach(layout: Layout, listeners: Listeners, ref: RunningRef, port: number): Promise<Reach> {
  const seen = await look(layout, ref, undefined)
  if (seen === null || seen.meta.desired !== 'running') return { probe: [], upstream: [] }
  const { internalPort } = seen.meta
  const addresses: Reach['probe'] = []
  for (const record of seen.instances) {
    const { port: given, state, identity } = record
    if (state === 'exited' || given === null) continue
    const asked = internalPort !== null && port !== internalPort && port !== given ? port : given
    // `localhost` is ::1 alone to some servers.
    const found = identity === null ? null : await listeners.of(identity, asked, { young: isYoung(record) })
    const only6 = found?.some((one) => one.port === asked && !one.ipv4) === true
    addresses.push({ kind: 'tcp', host: only6 ? '::1' : '127.0.0.1', port: asked })
  }
  return { probe: addresses, upstream: addresses }
}
