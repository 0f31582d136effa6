import type { Readable } from 'node:stream'
import { LineSplitter, type LogLine } from '@appaloft/core/spec'

/*
 * The engine sends two outputs in one stream: frames of eight bytes (which of the two, then the length, big-endian) and the data.
 */

const headBytes = 8

/** Takes chunks cut anywhere, gives the lines of both outputs in the order in which they ended. */
export class Frames {
  #rest: Buffer = Buffer.alloc(0)
  /** What is left of the present frame, and whose it is. */
  #left = 0
  #stream: LogLine['stream'] = 'stdout'
  readonly #lines: Record<LogLine['stream'], LineSplitter>

  constructor(onLine: (line: LogLine) => void) {
    const splitter = (stream: LogLine['stream']) => new LineSplitter((text) => onLine({ stream, text }))
    this.#lines = { stdout: splitter('stdout'), stderr: splitter('stderr') }
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#left === 0) {
        const needed = headBytes - this.#rest.length
        this.#rest = Buffer.concat([this.#rest, chunk.subarray(at, at + needed)])
        at += needed
        if (this.#rest.length < headBytes) return
        this.#stream = this.#rest[0] === 2 ? 'stderr' : 'stdout'
        this.#left = this.#rest.readUInt32BE(4)
        this.#rest = Buffer.alloc(0)
        continue
      }
      const part = chunk.subarray(at, at + this.#left)
      this.#lines[this.#stream].push(part)
      this.#left -= part.length
      at += part.length
    }
  }

  end(): void {
    this.#lines.stdout.end()
    this.#lines.stderr.end()
  }
}

/** Reads the stream to its end. A stream that is cut ends there; the lines up to it were given. */
export async function readFrames(
  stream: Readable,
  onLine: (line: LogLine) => void,
  /** Waited for before more is read. */
  ready?: () => Promise<void> | undefined,
): Promise<void> {
  const frames = new Frames(onLine)
  try {
    for await (const chunk of stream) {
      frames.push(chunk as Buffer)
      await ready?.()
    }
  } finally {
    frames.end()
  }
}
