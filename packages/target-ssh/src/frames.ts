/** How much of what login files print before the begin is kept, for errors. */
const noiseBytes = 4096

/**
 * One stream of a command between its two marks: what login files print before the first is dropped, what follows the second is how it
 * ended. The mark is random, so no output holds it by chance.
 */
export class Framed {
  readonly #mark: Buffer
  readonly #first: Buffer
  #state: 'before' | 'within' | 'after' | 'over' = 'before'
  #rest = Buffer.alloc(0)

  constructor(
    mark: string,
    readonly on: { begin(): void; data(chunk: Buffer): void; end(said: string): void },
  ) {
    this.#mark = Buffer.from(mark)
    this.#first = Buffer.from(`${mark}\n`)
  }

  /** What came before the first mark, or after the second: nothing of the command's. */
  get noise(): string {
    return this.#state === 'before' ? this.#rest.toString() : ''
  }

  push(chunk: Buffer): void {
    // A process that left its group may still print.
    if (this.#state === 'over') return
    let text = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    this.#rest = Buffer.alloc(0)
    if (this.#state === 'before') {
      const at = text.indexOf(this.#first)
      if (at < 0) {
        this.#rest = Buffer.from(text.subarray(-noiseBytes))
        return
      }
      text = text.subarray(at + this.#first.length)
      this.#state = 'within'
      this.on.begin()
    }
    if (this.#state === 'within') {
      const at = text.indexOf(this.#mark)
      const end = at < 0 ? text.length - begun(text, this.#mark) : at
      if (end > 0) this.on.data(text.subarray(0, end))
      this.#rest = Buffer.from(text.subarray(end))
      if (at < 0) return
      this.#state = 'after'
      text = text.subarray(at)
    }
    const line = text.indexOf('\n')
    this.#rest = line < 0 ? Buffer.from(text) : Buffer.alloc(0)
    if (line < 0) return
    this.#state = 'over'
    this.on.end(text.toString('utf8', this.#mark.length, line).trim())
  }
}

/** How many bytes at the end may be the beginning of the mark. All else is told at once. */
function begun(text: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length -= 1)
    if (text.subarray(text.length - length).equals(mark.subarray(0, length))) return length
  return 0
}
