import { AppaloftError, type Plan, type ReleaseInput } from '@appaloft/core/spec'
import { EngineError } from '../api/client.js'
import { untilKnown } from '../api/engine.js'
import { tarOf } from '../api/tar.js'
import { checkMark } from '../marks.js'
import type { Settings } from '../options.js'
import { askedPorts, containerBody, secretFiles, secretFolder, toArgv, type What } from './body.js'
import { plainUser } from './place.js'
import { tidying } from './remove.js'
import type { Parts, Shaped } from './start.js'

export type Making = What & { shaped: Shaped | undefined }

export const toFirst = ({ command, image }: Pick<What, 'command' | 'image'>): string =>
  (command === null ? [...image.Config.Entrypoint, ...image.Config.Cmd] : toArgv(command))[0] ?? ''

/** A release keeps its port for its lifetime, also when it is started again: so it is chosen here, not by the engine at each start. */
export function choosePorts({ ports }: Settings, plan: Plan): Map<number, number> {
  const { exposure, internalPort, hostPort } = plan.network
  const free = () => ports.from + Math.floor(Math.random() * (ports.to - ports.from + 1))
  return new Map(
    askedPorts(plan).map((port) => [
      port,
      exposure === 'direct-port' && port === (internalPort ?? 80) ? (hostPort ?? port) : free(),
    ]),
  )
}

export interface Made {
  name: string
  /** Null: it was there, made by a call that did not come to its end. */
  id: string | null
}

/** What may be started by its name: the mark was compared after it was made. @param taken waited for before it may be started */
export async function make(
  { engine, names, settings }: Parts,
  input: ReleaseInput,
  what: Making,
  taken?: Promise<void>,
): Promise<Made> {
  const { signal, token, resourceId } = input
  const part = what.role === 'command' ? 'run' : what.index
  const name = names.container(input, part, token)
  const plain = containerBody(names, settings, input, what)
  const body = what.shaped?.body(plain) ?? plain
  // In this order: a holder that raises the fence after the comparison renames what was made, and the start finds nothing.
  const [made, compared] = await engine.inOrder((ordered) =>
    Promise.allSettled([ordered.create(name, body, { signal }), checkMark(ordered, names, resourceId, token, signal)]),
  )
  const present = made.status === 'rejected' && made.reason instanceof EngineError && made.reason.status === 409
  if (made.status === 'rejected' && !present) throw made.reason
  try {
    if (compared.status === 'rejected') throw compared.reason
    if (present) {
      await untilKnown(engine, name, input)
      await checkMark(engine, names, resourceId, token, signal)
    }
    await taken
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
    return { name, id: made.status === 'fulfilled' ? made.value : null }
  } catch (error) {
    await engine.remove(name, tidying()).catch(() => undefined)
    throw error
  }
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** An init hides from the engine that its program does not exist: the release would start, and end at once. */
export async function mustHold(
  { engine, names }: Pick<Parts, 'engine' | 'names'>,
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
