/** So many commands at a time; the others wait in the order in which they came. */
export class Slots {
  #used = 0
  readonly #waiting: (() => void)[] = []

  constructor(public most: number) {}

  get used(): number {
    return this.#used
  }

  /** Answers what gives the place back. */
  async take(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    if (this.#used < this.most) this.#used += 1
    else await this.#turn(signal)
    return this.#giving()
  }

  /** Null: there is none that nobody waits for. */
  tryTake(): (() => void) | null {
    if (this.#used >= this.most || this.#waiting.length > 0) return null
    this.#used += 1
    return this.#giving()
  }

  #giving(): () => void {
    let given = false
    return () => {
      if (given) return
      given = true
      // Handed over at once: nobody may come between.
      const next = this.#used <= this.most ? this.#waiting.shift() : undefined
      if (next === undefined) this.#used -= 1
      else next()
    }
  }

  /** The server lets no more through than there are: from now on one less than were tried, at least one. */
  lower(): void {
    this.most = Math.max(1, Math.min(this.most, this.#used - 1))
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.push(go)
    })
  }
}
