import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { AppaloftError, type LogLine } from '@appaloft/core/spec'
import { z } from 'zod'
import { EngineError, EngineUnreachable } from '../api/client.js'
import type { Engine } from '../api/engine.js'
import { jsonLines } from '../api/lines.js'
import type { Image } from '../api/schemas.js'
import { Amounts } from '../build/amounts.js'
import { isDiskFull } from '../registry/faults.js'
import { keptOf, survey, unneeded, without } from './archive.js'

export interface Sending {
  from: Engine
  to: Engine
  image: Image
  /** How it is called, for people. */
  name: string
  /** So many of its layers, from the lowest on, are there. */
  present: number
  signal: AbortSignal
  log(line: LogLine): void
}

interface Source {
  archive: AsyncIterable<Buffer> | Iterable<Buffer>
  /** Bytes of it, as far as is known. */
  total: number
}

/** An image from one engine to another, as a stream: neither this process nor its disk ever holds all of it. @returns its id there */
export async function send(sending: Sending): Promise<string> {
  const { present, image, log, name } = sending
  const layers = image.RootFS.Layers.length
  const part = { id: `send ${image.Id}`, name: `send ${name}` }
  const began = performance.now()
  const took = () => ({ milliseconds: Math.round(performance.now() - began) })
  const what = present === 0 ? `all ${layers} layers` : `${layers - present} of ${layers} layers`
  log({ stream: 'stdout', text: `Sending ${name}: ${what}`, progress: { ...part, status: 'started' } })
  const onPercent = (percent: number) =>
    log({
      stream: 'stdout',
      text: `Sending ${name}: ${percent} %`,
      progress: { ...part, status: 'running', percent },
    })
  try {
    const { id, bytes } = await sent(sending, onPercent)
    const amount = `${(bytes / 1_000_000).toFixed(1)} MB`
    log({ stream: 'stdout', text: `Sent ${name}: ${amount}`, progress: { ...part, status: 'succeeded', ...took() } })
    return id
  } catch (error) {
    log({ stream: 'stdout', text: `Sending ${name}: failed`, progress: { ...part, status: 'failed', ...took() } })
    if (!(error instanceof EngineUnreachable)) throw error
    throw new AppaloftError('runtime-backend-unavailable', {
      message: `The connection was lost while ${name} was sent (${error.systemCode}). Nothing of it is there.`,
      recoveryHint: 'Check the connection to the machine and both engines; then retry, which sends it again.',
      details: { cause: error.systemCode },
      cause: error,
    })
  }
}

async function sent(sending: Sending, onPercent: (percent: number) => void) {
  const { present, log } = sending
  if (present === 0) return await loaded(sending, await whole(sending), onPercent)
  try {
    return await loaded(sending, await missing(sending), onPercent)
  } catch (error) {
    // The engine may keep images in another way, or a layer is no longer there.
    if (!(error instanceof EngineError) || isDiskFull(error.message)) throw error
    const text = `The engine did not take the missing layers alone (${error.message}); all of them are sent.`
    log({ stream: 'stderr', text })
    return await loaded(sending, await whole(sending), onPercent)
  }
}

async function whole({ from, image, signal }: Sending): Promise<Source> {
  return { archive: await from.save(image.Id, { signal }), total: image.Size }
}

async function missing({ from, image, present, signal }: Sending): Promise<Source> {
  const looked = await survey(await from.save(image.Id, { signal }))
  const known = looked.layers.length === image.RootFS.Layers.length
  const left = unneeded(looked, known ? present : 0)
  const total = looked.entries.reduce((sum, { name, bytes }) => sum + (left.has(name) ? 0 : bytes), 0)
  const kept = keptOf(looked, left)
  return { archive: kept ?? without(await from.save(image.Id, { signal }), left), total }
}

const saidSchema = z.object({ stream: z.string().default(''), error: z.string().optional() })

async function loaded(
  { to, image, signal }: Sending,
  { archive, total }: Source,
  onPercent: (percent: number) => void,
) {
  const amounts = new Amounts()
  let [read, bytes] = [0, 0]
  const counting = async function* () {
    for await (const chunk of archive) {
      read += chunk.length
      const percent = amounts.add('', read, total)
      if (percent !== null) onPercent(percent)
      yield chunk
    }
  }
  // Lines to other machines are slower than this. What is wrong with it is told by the call that reads it.
  const packed = pipeline(Readable.from(counting()), createGzip({ level: 1 }), () => undefined)
  const counted = async function* () {
    for await (const chunk of packed as AsyncIterable<Buffer>) {
      bytes += chunk.length
      yield chunk
    }
  }
  const sent = Readable.from(counted(), { objectMode: false })
  let id = image.Id
  try {
    for await (const line of jsonLines(await to.load(sent, { signal }))) {
      const { stream, error } = saidSchema.safeParse(line).data ?? { stream: '' }
      if (error !== undefined) throw new EngineError(500, error)
      id = /Loaded image ID: (sha256:[0-9a-f]{64})/.exec(stream)?.[1] ?? id
    }
  } finally {
    // It may have refused before it had read all of it.
    sent.destroy()
    packed.destroy()
  }
  signal.throwIfAborted()
  if ((await to.image(id, { signal })) === null)
    throw new EngineError(500, 'it took the archive of an image, and does not have the image')
  return { id, bytes }
}
