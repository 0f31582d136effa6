import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CallOptions, LineSplitter, type LogLine, type RunningRef } from '@appaloft/core/spec'
import { inspect } from './inspect.js'
import { rotatedLogs } from './keeper/rotate.js'
import { type Layout, releaseFiles } from './shared/paths.js'
import { readMeta } from './shared/records.js'

const pollMs = 50
const chunkBytes = 256 * 1024

/*
 * Both streams of a release go to one file, which keeps their order; which of the two a line came from is not known. The file is copied
 * away and emptied when it is full, and the copies are numbered: who reads on where the number grew reads the rest from the copy.
 */

/** Lines of a release, oldest first. */
export async function* logs(
  layout: Layout,
  ref: RunningRef,
  options: CallOptions & { tail?: number; follow?: boolean } = {},
): AsyncIterable<LogLine> {
  const folder = layout.release(ref)
  const reader = new LogReader(releaseFiles(folder).log)
  const pending: string[] = []
  const splitter = new LineSplitter((text) => pending.push(text))
  const line = (text: string): LogLine => ({ stream: 'stdout', text })

  const last: string[] = []
  for (let chunk = reader.next(); chunk !== null; chunk = reader.next()) {
    splitter.push(chunk)
    if (options.tail === undefined) for (const text of pending.splice(0)) yield line(text)
    else {
      last.push(...pending.splice(0))
      if (last.length > options.tail * 2) last.splice(0, last.length - options.tail)
    }
  }
  const settled = options.follow === true ? [] : finish(splitter, pending)
  if (options.tail !== undefined) {
    const all = [...last, ...settled]
    for (const text of options.tail === 0 ? [] : all.slice(-options.tail)) yield line(text)
  } else for (const text of settled) yield line(text)
  if (options.follow !== true) return

  while (options.signal?.aborted !== true) {
    // Looked at before the read: what was written before the end is still read.
    const over = await isOver(layout, ref, folder)
    let got = false
    for (let chunk = reader.next(); chunk !== null; chunk = reader.next()) {
      got = true
      splitter.push(chunk)
      for (const text of pending.splice(0)) yield line(text)
    }
    if (over) {
      for (const text of finish(splitter, pending)) yield line(text)
      return
    }
    if (!got) await sleep(pollMs, undefined, { signal: options.signal }).catch(() => undefined)
  }
}

function finish(splitter: LineSplitter, pending: string[]): string[] {
  splitter.end()
  return pending.splice(0)
}

/** Nothing will write to it any more: it is gone, or has ended and nobody will start it again. */
async function isOver(layout: Layout, ref: RunningRef, folder: string): Promise<boolean> {
  const meta = readMeta(folder)
  if (meta === null) return true
  if (meta.desired === 'running' && meta.promoted) return false
  return (await inspect(layout, null, ref)).state === 'exited'
}

/** Reads a log and its rotated copies as one stream. */
class LogReader {
  /** Copies up to this number were read. */
  #seen: number
  #at = 0

  constructor(readonly log: string) {
    this.#seen = (rotatedLogs(log)[0]?.number ?? 1) - 1
  }

  /** The next bytes; null: there are none now. */
  next(): Buffer | null {
    for (;;) {
      const copy = rotatedLogs(this.log).find((one) => one.number > this.#seen)
      if (copy === undefined) break
      const chunk = readAt(copy.path, this.#at)
      if (chunk !== null) return this.#took(chunk)
      this.#seen = copy.number
      this.#at = 0
    }
    const chunk = readAt(this.log, this.#at)
    // Rotated just now: what was read may belong to the emptied file.
    if (rotatedLogs(this.log).some((one) => one.number > this.#seen)) return this.next()
    return chunk === null ? null : this.#took(chunk)
  }

  #took(chunk: Buffer): Buffer {
    this.#at += chunk.length
    return chunk
  }
}

function readAt(path: string, at: number): Buffer | null {
  if (!existsSync(path) || statSync(path).size <= at) return null
  const file = openSync(path, 'r')
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes)
    const read = readSync(file, chunk, 0, chunkBytes, at)
    return read === 0 ? null : chunk.subarray(0, read)
  } finally {
    closeSync(file)
  }
}
