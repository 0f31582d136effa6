import type { DeploymentRecord } from '../spec/deployment.js'
import type { Attempt } from './attempt.js'

/** The attempts that this engine runs now. */
export class Running {
  private readonly attempts = new Map<string, { attempt: Attempt; done: Promise<DeploymentRecord> }>()

  add(attempt: Attempt, done: Promise<DeploymentRecord>): void {
    this.attempts.set(attempt.id, { attempt, done })
    const over = () => this.attempts.delete(attempt.id)
    done.then(over, over)
  }

  get(id: string): Attempt | undefined {
    return this.attempts.get(id)?.attempt
  }

  async settle(mode: 'wait' | 'cancel'): Promise<void> {
    const all = [...this.attempts.values()]
    if (mode === 'cancel') for (const { attempt } of all) attempt.cancel()
    // Who waits for one hears of it where its end could not be recorded.
    await Promise.allSettled(all.map((one) => one.done))
  }
}
