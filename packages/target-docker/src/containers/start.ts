import { randomBytes } from 'node:crypto'
import { AppaloftError, type Command, type CommandResult, type Plan, type ReleaseInput } from '@appaloft/core/spec'
import { EngineError, EngineUnreachable, failure } from '../api/client.js'
import { type Engine, orNull, untilKnown } from '../api/engine.js'
import { readFrames } from '../api/frames.js'
import type { Image } from '../api/schemas.js'
import { tarOf } from '../api/tar.js'
import { fromEngine } from '../errors.js'
import { checkMark } from '../marks.js'
import type { Names } from '../names.js'
import type { Settings } from '../options.js'
import { askedPorts, type ContainerBody, containerBody, secretFiles, secretFolder, toArgv, type What } from './body.js'
import { everythingOf, type Found, instancesOf } from './find.js'
import { plainUser } from './place.js'
import { isPortTaken, notStarted } from './refusals.js'

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

/** Starts what is missing of the release's instances. Idempotent; nothing of a start that failed stays. */
export async function startRelease(
  parts: Parts,
  input: ReleaseInput,
  image: Image,
  own: { command?: Command | null; replicas?: number; shaped?: Shaped; seen?: readonly Found[] } = {},
): Promise<void> {
  const { engine, names } = parts
  const { plan } = input.release
  const all = own.seen ?? (await everythingOf(engine, names, input, input.signal))
  const present = all.filter((one) => one.role === 'instance')
  // Over, but its removal was lost on the way.
  for (const { id, name } of all) if (isCommand(name)) await orNull(engine.remove(id, { signal: input.signal }))
  const wanted = Array.from({ length: own.replicas ?? plan.replicas }, (_, index) => index)
  const command = own.command ?? plan.commands.start?.command ?? null
  const { shaped } = own
  try {
    for (const index of wanted) {
      const found = present.find((one) => one.index === index)
      if (found === undefined) await startOne(parts, input, { image, command, role: 'instance', index, shaped })
      // Made by a call that did not come to its end.
      else if (found.state === 'created') {
        await untilKnown(engine, found.name, input)
        await startNamed(parts, input, found.name)
      }
    }
  } catch (error) {
    if (present.length === 0) await discardStarted(parts, input).catch(() => undefined)
    throw error
  }
}

async function discardStarted({ engine, names }: Parts, input: ReleaseInput): Promise<void> {
  for (const { id } of await instancesOf(engine, names, input)) await engine.remove(id)
}

type Making = What & { shaped: Shaped | undefined }

async function startOne(parts: Parts, input: ReleaseInput, what: Omit<Making, 'published'>): Promise<void> {
  const { plan } = input.release
  for (let tries = 1; ; tries += 1) {
    const published = choosePorts(parts.settings, plan)
    let early: Promise<void> | undefined
    // Looked for in what runs: to look into one that does not is to mount its files each time. That is less than a long way.
    const far = parts.engine.address.elsewhere === true
    const created = (made: string) => {
      early = far ? mustHold(parts, input, made, what) : undefined
      early?.catch(() => undefined)
    }
    const name = await make(parts, input, { ...what, published }, created).catch((error: unknown) => {
      throw notStarted(error, plan, toFirst(what))
    })
    try {
      await startNamed(parts, input, name)
    } catch (error) {
      const direct = plan.network.exposure === 'direct-port'
      if (!isPortTaken(error) || direct || tries >= portTries) throw notStarted(error, plan, toFirst(what))
      await parts.engine.remove(name, { signal: input.signal })
      continue
    }
    return await (early ?? mustHold(parts, input, name, what))
  }
}

const toFirst = ({ command, image }: Pick<What, 'command' | 'image'>): string =>
  (command === null ? [...image.Config.Entrypoint, ...image.Config.Cmd] : toArgv(command))[0] ?? ''

/** A release keeps its port for its lifetime, also when it is started again: so it is chosen here, not by the engine at each start. */
function choosePorts({ ports }: Settings, plan: Plan): Map<number, number> {
  const { exposure, internalPort, hostPort } = plan.network
  const free = () => ports.from + Math.floor(Math.random() * (ports.to - ports.from + 1))
  return new Map(
    askedPorts(plan).map((port) => [
      port,
      exposure === 'direct-port' && port === (internalPort ?? 80) ? (hostPort ?? port) : free(),
    ]),
  )
}

/** @param created told when there is something to look into: that is done beside the comparison of the mark */
async function make(
  { engine, names, settings }: Parts,
  input: ReleaseInput,
  what: Making,
  created: (name: string) => void = () => {},
): Promise<string> {
  const { signal, token, resourceId } = input
  const part = what.role === 'command' ? 'run' : what.index
  const name = names.container(input, part, token)
  const plain = containerBody(names, settings, input, what)
  const body = what.shaped?.body(plain) ?? plain
  try {
    await engine.create(name, body, { signal })
  } catch (error) {
    // Left by a call that did not come to its end.
    if (!(error instanceof EngineError) || error.status !== 409) throw error
    await untilKnown(engine, name, input)
  }
  try {
    // Only now: a holder that raises the fence after this renames what was made, and the start finds nothing.
    const checked = checkMark(engine, names, resourceId, token, signal)
    created(name)
    await checked
    await what.shaped?.made(name)
    const files = Object.entries(secretFiles(settings, input))
    if (files.length > 0) {
      const uid = Number(
        /^\d+/.exec(what.image.Config.User)?.[0] ??
          (what.image.Config.User === '' || what.image.Config.User === 'root' ? 0 : plainUser),
      )
      const folder = secretFolder.slice(1)
      const entries = files.map(([file, content]) => ({ name: `${folder}/${file}`, content, mode: 0o400, uid }))
      await engine.putArchive(name, '/', tarOf(entries), { signal })
    }
    return name
  } catch (error) {
    await engine.remove(name).catch(() => undefined)
    throw error
  }
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** An init hides from the engine that its program does not exist: the release would start, and end at once. */
async function mustHold(
  { engine, names }: Parts,
  { resourceId, token, signal }: ReleaseInput,
  name: string,
  { image, command, role }: Omit<What, 'published'>,
): Promise<void> {
  const first = toFirst({ image, command })
  const path = image.Config.Env.find((one) => one.startsWith('PATH='))?.slice(5) ?? defaultPath
  const places = first.includes('/')
    ? first.startsWith('/')
      ? [first]
      : []
    : path.split(':').map((folder) => `${folder}/${first}`)
  if (places.length === 0) return
  if (engine.address.elsewhere === true) {
    const all = await Promise.all(places.map((place) => engine.holds(name, place, { signal })))
    if (all.includes(true)) return
  } else for (const place of places) if (await engine.holds(name, place, { signal })) return
  // Nothing is found either where a newer holder has renamed it.
  await checkMark(engine, names, resourceId, token, signal)
  const field = role === 'command' ? 'runtime.releaseCommand' : 'runtime.startCommand'
  throw new AppaloftError('start-failed', {
    message: `The image holds no program ${first}.`,
    details: { command: first, profileField: field },
    recoveryHint: `Set ${field} to a program that is in the image.`,
  })
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
    const started = begun ?? (await make(parts, input, what).catch(refused))
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
  const left: Found[] = await everythingOf(engine, names, input)
  for (const { id, role } of left) if (role === 'command') await engine.remove(id)
}
