import type { CallOptions, InstanceState, OwnedThing, Reach, RunningRef, RunningState } from '@appaloft/core/spec'
import type { Engine } from '../api/engine.js'
import type { Container } from '../api/schemas.js'
import type { Names } from '../names.js'
import { type Found, instancesOf } from './find.js'
import type { Listeners, Listening } from './listening.js'
import type { Started } from './started.js'

/** So long after its start a release that listens nowhere is nothing to look into. */
const youngMs = 1_000

export const stateOf = (status: string): InstanceState['state'] => {
  if (status === 'running' || status === 'paused') return 'running'
  if (status === 'created') return 'starting'
  if (status === 'restarting') return 'restarting'
  return status === 'exited' || status === 'dead' || status === 'removing' ? 'exited' : 'unknown'
}

/** What the kernel says by an exit code above 128. */
const signals: Record<number, string> = {
  129: 'SIGHUP',
  130: 'SIGINT',
  132: 'SIGILL',
  134: 'SIGABRT',
  135: 'SIGBUS',
  136: 'SIGFPE',
  137: 'SIGKILL',
  139: 'SIGSEGV',
  141: 'SIGPIPE',
  143: 'SIGTERM',
}

export async function inspect(
  engine: Engine,
  names: Names,
  known: { listeners: Listeners; started: Started },
  ref: RunningRef,
  { signal }: CallOptions = {},
): Promise<RunningState> {
  const seen = await lookAt(engine, names, known, ref, signal)
  if (seen.length === 0) return { state: 'absent', instances: [] }
  const instances = seen.map(({ container, listening }) => instanceOf(container, listening))
  return { state: together(instances), instances }
}

interface Seen {
  container: Container
  listening: Listening | null
}

async function lookAt(
  engine: Engine,
  names: Names,
  { listeners, started }: { listeners: Listeners; started: Started },
  ref: RunningRef,
  signal: AbortSignal | undefined,
): Promise<Seen[]> {
  const lookInto = async (id: string, container: Container | null): Promise<Seen | null> => {
    if (container === null) return null
    const { Pid: pid, StartedAt: startedAt, Status: status } = container.State
    const age = Date.now() - Date.parse(startedAt)
    const young = age >= 0 && age < youngMs
    const listening = status === 'running' && pid > 0 ? await listeners.of(engine, id, pid, { young, signal }) : null
    return { container, listening }
  }
  const begun = started.of(ref)
  if (begun !== null) {
    const just = await Promise.all(begun.map(async ({ id }) => lookInto(id, await engine.container(id, { signal }))))
    const seen = just.filter((one) => one !== null)
    if (seen.some(({ container }) => container.State.Status !== 'running') || seen.length < just.length)
      started.forget(ref)
    if (seen.length === just.length) return seen
  }
  // Those that were there before, most likely, and looked for all the same.
  const likely = new Map(listeners.known(ref).map((id) => [id, engine.container(id, { signal })]))
  for (const one of likely.values()) one.catch(() => undefined)
  const found = await instancesOf(engine, names, ref, signal)
  listeners.know(
    ref,
    found.map(({ id }) => id),
  )
  const looked = await Promise.all(
    found.map(async ({ id }) => lookInto(id, await (likely.get(id) ?? engine.container(id, { signal })))),
  )
  return looked.filter((one) => one !== null)
}

function instanceOf(
  { Id: id, State: state, RestartCount: restarts, HostConfig }: Container,
  listening: Listening | null,
): InstanceState {
  const running = stateOf(state.Status) === 'running'
  const ended = stateOf(state.Status) === 'exited' || stateOf(state.Status) === 'restarting'
  const [expected] = Object.keys(HostConfig.PortBindings)
  const signal = ended ? signals[state.ExitCode] : undefined
  return {
    id: id.slice(0, 12),
    state: stateOf(state.Status),
    restarts,
    ...(running && state.Pid > 0 ? { pid: state.Pid } : {}),
    ...(ended ? { exitCode: state.ExitCode } : {}),
    ...(signal === undefined ? {} : { signal }),
    ...(listening === null
      ? {}
      : {
          listening: listening.open,
          ...(listening.loopback.length > 0 ? { listeningLocally: listening.loopback } : {}),
        }),
    ...(expected === undefined ? {} : { expectedPort: Number.parseInt(expected, 10) }),
    ...(state.OOMKilled ? { outOfMemory: true } : {}),
    ...(Date.parse(state.StartedAt) > 0 ? { startedAt: state.StartedAt } : {}),
  }
}

function together(instances: readonly Pick<InstanceState, 'state'>[]): RunningState['state'] {
  const has = (...states: InstanceState['state'][]) => instances.some((one) => states.includes(one.state))
  if (has('unknown')) return 'unknown'
  if (has('exited')) return 'exited'
  return has('starting', 'restarting') ? 'starting' : 'running'
}

/** At the machine's loopback, whatever port the release's has there. */
export async function reach(
  engine: Engine,
  names: Names,
  started: Started,
  ref: RunningRef,
  port: number,
  { signal }: CallOptions = {},
): Promise<Reach> {
  const addresses: Reach['probe'] = []
  const begun = started.of(ref)
  if (begun !== null) {
    for (const { published } of begun) {
      const outside = published.get(port) ?? [...published.values()][0]
      if (outside !== undefined) addresses.push({ kind: 'tcp', host: machineOf(engine), port: outside })
    }
    return { probe: addresses, upstream: addresses }
  }
  const found = await instancesOf(engine, names, ref, signal)
  const told = found.map(({ state, ports }) =>
    state === 'running' ? ports.find(({ inside }) => inside === port)?.outside : undefined,
  )
  const looked = found.map(({ id }, at) => (told[at] === undefined ? engine.container(id, { signal }) : null))
  for (const [at, container] of (await Promise.all(looked)).entries()) {
    const outside = told[at]
    if (outside !== undefined) addresses.push({ kind: 'tcp', host: machineOf(engine), port: outside })
    if (container === null || stateOf(container.State.Status) === 'exited') continue
    const bindings = Object.entries(container.HostConfig.PortBindings)
    const [, given] = bindings.find(([name]) => Number.parseInt(name, 10) === port) ?? bindings[0] ?? []
    const hostPort = Number(given?.[0]?.HostPort ?? Number.NaN)
    if (Number.isInteger(hostPort) && hostPort > 0)
      addresses.push({ kind: 'tcp', host: machineOf(engine), port: hostPort })
  }
  return { probe: addresses, upstream: addresses }
}

/** Releases are published on the loopback of the machine on which the engine runs: it must be this one. */
const machineOf = ({ address }: Engine): string => (address.kind === 'unix' ? '127.0.0.1' : address.host)

/** The releases whose containers these are. */
export function thingsOf(containers: readonly Found[]): OwnedThing[] {
  const things = new Map<string, { ref: RunningRef; states: InstanceState['state'][] }>()
  for (const { ref, state } of containers) {
    const key = `${ref.deploymentId}/${ref.releaseId}`
    const thing = things.get(key) ?? { ref, states: [] }
    thing.states.push(stateOf(state))
    things.set(key, thing)
  }
  return [...things.values()].map(({ ref, states }) => ({
    ...ref,
    state: together(states.map((state) => ({ state }))),
  }))
}
