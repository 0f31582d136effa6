import { write } from 'node:fs'
import { isatty } from 'node:tty'

/** Where text goes. Writing never throws and never blocks: an attempt must go on when nobody reads any more. */
export interface Output {
  readonly isTTY: boolean
  /** Of the terminal; 80 and 24 elsewhere. */
  readonly columns: number
  readonly rows: number
  /** The reader is gone: everything written from now on is dropped. */
  readonly dead: boolean
  write(text: string): void
  /** Resolves when everything written so far was taken by the reader, or the reader is gone. */
  drained(): Promise<void>
  /** Called once when the reader is gone; at once if it is already. Returns the end of the subscription. */
  onDead(listener: () => void): () => void
}

/**
 * A file descriptor, written through the thread pool. `process.stdout` writes to pipes and terminals in the event loop itself: a pager that
 * does not read, or a terminal stopped with Ctrl-S, would hold up the heartbeat of the attempt's lease until another engine takes it over.
 */
export class FdOutput implements Output {
  readonly isTTY: boolean
  dead = false
  readonly #fd: number
  readonly #size: () => { columns?: number; rows?: number }
  readonly #listeners = new Set<() => void>()
  #queue: Buffer[] = []
  #writing = false
  #waiters: (() => void)[] = []

  constructor(fd: number, size: () => { columns?: number; rows?: number } = () => ({})) {
    this.#fd = fd
    this.#size = size
    this.isTTY = isatty(fd)
  }

  get columns(): number {
    return this.#size().columns || 80
  }

  get rows(): number {
    return this.#size().rows || 24
  }

  write(text: string): void {
    if (this.dead || text === '') return
    this.#queue.push(Buffer.from(text))
    if (!this.#writing) this.#pump()
  }

  drained(): Promise<void> {
    if (!this.#writing) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  onDead(listener: () => void): () => void {
    if (this.dead) listener()
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #pump(): void {
    this.#writing = true
    const chunk = Buffer.concat(this.#queue)
    this.#queue = []
    this.#writeAll(chunk, 0)
  }

  #writeAll(chunk: Buffer, offset: number): void {
    write(this.#fd, chunk, offset, chunk.length - offset, null, (error, written) => {
      // A descriptor that another process made non-blocking: its reader is slow, not gone.
      if (error?.code === 'EAGAIN') setTimeout(() => this.#writeAll(chunk, offset), 10)
      else if (error) this.#die()
      else if (offset + written < chunk.length) this.#writeAll(chunk, offset + written)
      else if (this.#queue.length > 0) this.#pump()
      else this.#settle()
    })
  }

  #die(): void {
    this.dead = true
    this.#queue = []
    this.#settle()
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }

  #settle(): void {
    this.#writing = false
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }
}
