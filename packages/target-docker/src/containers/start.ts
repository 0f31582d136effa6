import { randomBytes } from 'node:crypto'
import { AppaloftError, type Command, type CommandResult, type ReleaseInput } from '@appaloft/core/spec'
import { EngineError, EngineUnreachable, failure } from '../api/client.js'
import { type Engine, orNull, untilKnown } from '../api/engine.js'
import { readFrames } from '../api/frames.js'
import type { Image } from '../api/schemas.js'
import { fromEngine } from '../errors.js'
import { checkMark } from '../marks.js'
import type { Names } from '../names.js'
import type { Settings } from '../options.js'
import type { ContainerBody } from './body.js'
import { everythingOf, type Found, instancesOf } from './find.js'
import { choosePorts, type Making, make, mustHold, toFirst } from './make.js'
import { isPortTaken, notStarted } from './refusals.js'
import { tidying } from './remove.js'

export interface Parts {
  engine: Engine
  names: Names
  settings: Settings
}

/** What a kind of artifact adds to the containers of a release. */
export interface Shaped {
  body(base: ContainerBody): object
  /** Told the name of what was created, before it starts. */
  made(name: string): Promise<void>
}

/** So often another port is tried where one turns out to be taken. */
const portTries = 20

/** A container that was started, and the machine's port of each that it publishes. */
export interface Begun {
  id: string
  published: ReadonlyMap<number, number>
}

/**
 * Starts what is missing of the release's instances. Idempotent; nothing of a start that failed stays.
 *
 * @returns the instances, in their order; null where some were there before
 */
export async function startRelease(
  parts: Parts,
  input: ReleaseInput,
  image: Image,
  own: {
    command?: Command | null
    replicas?: number
    shaped?: Shaped
    seen?: readonly Found[]
    /** Waited for before anything starts. */
    taken?: Promise<void>
  } = {},
): Promise<Begun[] | null> {
  const { engine, names } = parts
  const { plan } = input.release
  const seen = own.seen ?? (await everythingOf(engine, names, input, input.signal))
  const present = seen.filter((one) => one.role === 'instance')
  // Over, but its removal was lost on the way.
  for (const { id, name } of seen) if (isCommand(name)) await orNull(engine.remove(id, { signal: input.signal }))
  const wanted = Array.from({ length: own.replicas ?? plan.replicas }, (_, index) => index)
  const command = own.command ?? plan.commands.start?.command ?? null
  const { shaped, taken } = own
  taken?.catch(() => undefined)
  const begun: (Begun | null)[] = []
  try {
    for (const index of wanted) {
      const found = present.find((one) => one.index === index)
      const what = { image, command, role: 'instance' as const, index, shaped }
      begun.push(found === undefined ? await startOne(parts, input, what, taken) : null)
      // Made by a call that did not come to its end.
      if (found?.state === 'created') {
        await taken
        await untilKnown(engine, found.name, input)
        await startNamed(parts, input, found.name)
      }
    }
  } catch (error) {
    if (present.length === 0) await discardStarted(parts, input).catch(() => undefined)
    throw error
  }
  const all = begun.filter((one) => one !== null)
  return shaped === undefined && all.length === begun.length ? all : null
}

async function discardStarted({ engine, names }: Parts, input: ReleaseInput): Promise<void> {
  const call = tidying()
  for (const { id } of await instancesOf(engine, names, input, call.signal)) await engine.remove(id, call)
}

/** @returns its container, and where it is published; null where it was made by a call that did not come to its end */
async function startOne(
  parts: Parts,
  input: ReleaseInput,
  what: Omit<Making, 'published'>,
  taken: Promise<void> | undefined,
): Promise<Begun | null> {
  const { plan } = input.release
  for (let tries = 1; ; tries += 1) {
    const published = choosePorts(parts.settings, plan)
    const made = await make(parts, input, { ...what, published }, taken).catch((error: unknown) => {
      throw notStarted(error, plan, toFirst(what))
    })
    const [started, held] = await startAndLook(parts, input, made.name, what)
    if (started.status === 'fulfilled') {
      if (held?.status === 'rejected') throw held.reason
      return made.id === null ? null : { id: made.id, published }
    }
    const direct = plan.network.exposure === 'direct-port'
    if (!isPortTaken(started.reason) || direct || tries >= portTries)
      throw notStarted(started.reason, plan, toFirst(what))
    await parts.engine.remove(made.name, { signal: input.signal })
  }
}

/** Whether the image holds the program is looked for in what runs: to look into one that does not is to mount its files each time. */
async function startAndLook(parts: Parts, input: ReleaseInput, name: string, what: Omit<Making, 'published'>) {
  const { engine } = parts
  // Where the way is long, behind the start; else one place after the other, which most often ends with the first.
  if (engine.address.elsewhere === true)
    return await engine.inOrder((ordered) => {
      const far = { ...parts, engine: ordered }
      return Promise.allSettled([startNamed(far, input, name), mustHold(far, input, name, what)])
    })
  const [started] = await Promise.allSettled([startNamed(parts, input, name)])
  return started.status === 'rejected'
    ? ([started] as const)
    : ([started, ...(await Promise.allSettled([mustHold(parts, input, name, what)]))] as const)
}

/** A name that a newer holder changed meanwhile is not found. */
async function startNamed({ engine, names }: Parts, input: ReleaseInput, name: string): Promise<void> {
  try {
    await engine.start(name, { signal: input.signal })
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) {
      await checkMark(engine, names, input.resourceId, input.token, input.signal)
    }
    throw error
  }
}

/**
 * Runs the release command to its end, in a container of its own that is removed after it. Called again after a call that lost the
 * engine, it follows what that one began: the command runs once.
 */
export async function runCommand(
  parts: Parts,
  input: ReleaseInput,
  image: Image,
  command: Command,
  shaped?: Shaped,
): Promise<CommandResult> {
  const { engine, names } = parts
  const { signal, log } = input
  const last: string[] = []
  let left = false
  try {
    const refused = (error: unknown) => {
      throw notStarted(error, input.release.plan, toFirst({ command, image }), 'runtime.releaseCommand')
    }
    const what = { image, command, role: 'command' as const, index: 0, published: new Map<number, number>(), shaped }
    const begun = await begunCommand(parts, input)
    const started = begun ?? (await make(parts, input, what).catch(refused)).name
    if (begun === null) {
      await mustHold(parts, input, started, what)
      await startNamed(parts, input, started).catch(refused)
    }
    const output = await engine.logs(started, { follow: true }, { signal })
    await readFrames(output, (line) => {
      last.push(line.text)
      if (last.length > 50) last.shift()
      log(line)
    })
    signal.throwIfAborted()
    const ended = await endOf(engine, names, input)
    const bySignal = ended.exitCode > 128 && ended.exitCode < 160
    return { exitCode: ended.exitCode, signal: bySignal && ended.killed ? 'SIGKILL' : null, lastLogs: last }
  } catch (error) {
    // It may run still, or again be asked for.
    left = !signal.aborted && failure(error, signal) instanceof EngineUnreachable
    throw signal.aborted ? signal.reason : fromEngine(failure(error, signal), signal)
  } finally {
    // In any other case, and before the call ends.
    if (!left) await removeCommands(parts, input).catch(() => undefined)
  }
}

/**
 * The container of a command that was begun by a call that did not come to its end. One that was never started is taken away: under another
 * name first, so that a start of it that is still under way either came before that, or finds nothing.
 */
async function begunCommand(parts: Parts, input: ReleaseInput): Promise<string | null> {
  const { engine, names } = parts
  const { signal } = input
  for (const { id, name, role } of await everythingOf(engine, names, input, signal)) {
    if (role !== 'command') continue
    if (isCommand(name)) {
      await orNull(
        engine.rename(id, names.container(input, `run-${randomBytes(4).toString('hex')}`, input.token), { signal }),
      )
      const container = await engine.container(id, { signal })
      if (container !== null && container.State.Status !== 'created') return container.Name.slice(1)
    }
    await orNull(engine.remove(id, { signal }))
  }
  return null
}

const isCommand = (name: string) => /\.run(?:-[0-9a-f]+)?\.t\d+$/.test(name)

/** The stream of a log ends a moment before the end is written down, or with the engine. */
async function endOf(
  engine: Engine,
  names: Names,
  input: ReleaseInput,
): Promise<{ exitCode: number; killed: boolean }> {
  for (;;) {
    const [found] = (await everythingOf(engine, names, input, input.signal)).filter((one) => one.role === 'command')
    const container = found === undefined ? null : await engine.container(found.id, { signal: input.signal })
    if (container === null)
      throw new AppaloftError('runtime-backend-unavailable', {
        message: 'The container of the release command is gone.',
      })
    const { Status: status, ExitCode: exitCode, OOMKilled: killed } = container.State
    if (status === 'exited' || status === 'dead') return { exitCode, killed }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function removeCommands({ engine, names }: Parts, input: ReleaseInput): Promise<void> {
  const call = tidying()
  const left: Found[] = await everythingOf(engine, names, input, call.signal)
  for (const { id, role } of left) if (role === 'command') await engine.remove(id, call)
}
