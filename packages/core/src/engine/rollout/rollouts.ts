import type { Conductor } from './conductor.js'

/** The rollouts that this engine conducts now. */
export class Rollouts {
  private readonly all = new Map<string, { conductor: Conductor; done: Promise<unknown> }>()

  add(id: string, conductor: Conductor, done: Promise<unknown>): void {
    this.all.set(id, { conductor, done })
    const over = () => this.all.delete(id)
    done.then(over, over)
  }

  get(id: string): Conductor | undefined {
    return this.all.get(id)?.conductor
  }

  async settle(mode: 'wait' | 'cancel'): Promise<void> {
    const all = [...this.all.values()]
    if (mode === 'cancel') for (const { conductor } of all) conductor.cancel()
    await Promise.allSettled(all.map((one) => one.done))
  }
}
