import type { Rollout } from '../../spec/rollout.js'

/** Whoever conducts one. */
interface Conducting {
  /** The attempts so far, in the order of their beginning. */
  readonly begun: { target: string; deploymentId: string }[]
  /** Begins nothing more, and stops what runs. False: it is too late. */
  cancel(): boolean
}

interface Running {
  conductor: Conducting
  done: Promise<Rollout>
}

/** The rollouts that this engine conducts now. */
export class Rollouts {
  private readonly all = new Map<string, Running>()

  add(id: string, conductor: Conducting, done: Promise<Rollout>): void {
    this.all.set(id, { conductor, done })
    const over = () => this.all.delete(id)
    done.then(over, over)
  }

  get(id: string): Conducting | undefined {
    return this.all.get(id)?.conductor
  }

  running(id: string): Running | undefined {
    return this.all.get(id)
  }

  async settle(mode: 'wait' | 'cancel'): Promise<void> {
    const all = [...this.all.values()]
    if (mode === 'cancel') for (const { conductor } of all) conductor.cancel()
    await Promise.allSettled(all.map((one) => one.done))
  }
}
