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
    if (this.#used >= this.most) await this.#turn(signal)
    return this.#taken()
  }

  /** Null: there is none that nobody waits for. */
  tryTake(): (() => void) | null {
    return this.#used >= this.most ? null : this.#taken()
  }

  #taken(): () => void {
    this.#used += 1
    let given = false
    return () => {
      if (given) return
      given = true
      this.#used -= 1
      if (this.#used < this.most) this.#waiting.shift()?.()
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
