/** Work that nobody waits for before the end. Where it fails, nothing is lost. */
export class Beside {
  readonly #going = new Set<Promise<unknown>>()

  add(work: Promise<unknown>): void {
    const over: Promise<unknown> = work.catch(() => undefined).finally(() => this.#going.delete(over))
    this.#going.add(over)
  }

  async over(): Promise<void> {
    await Promise.all(this.#going)
  }
}
