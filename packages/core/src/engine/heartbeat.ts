import { AppaloftError } from '../spec/errors.js'
import { type LeaseRef, leaseBeatMs, leaseGiveUpMs } from '../spec/lease.js'
import type { Runtime } from './runtime.js'

interface Heard {
  lost(error: AppaloftError): void
  canceled(): void
}

/** Keeps an attempt's leases, and notices what others asked of it. */
export class Heartbeat {
  private readonly stopped = new AbortController()
  private readonly running: Promise<void>

  constructor(runtime: Runtime, deploymentId: string, leases: () => LeaseRef[], heard: Heard) {
    this.running = this.run(runtime, deploymentId, leases, heard)
  }

  async stop(): Promise<void> {
    this.stopped.abort()
    await this.running
  }

  private async run(
    { clock, store }: Runtime,
    deploymentId: string,
    leases: () => LeaseRef[],
    heard: Heard,
  ): Promise<void> {
    const { signal } = this.stopped
    let last = clock.monotonic()
    for (;;) {
      await clock.sleep(leaseBeatMs, { signal, unref: true }).catch(() => {})
      if (signal.aborted) return
      const asked = clock.monotonic()
      try {
        const gone = await store.beatLeases(leases())
        if (gone.length > 0) return heard.lost(new AppaloftError('lease-lost', { details: { leases: gone } }))
        last = asked
        if ((await store.getDeployment(deploymentId))?.status === 'canceling') heard.canceled()
      } catch {
        if (clock.monotonic() - last > leaseGiveUpMs) return heard.lost(new AppaloftError('lease-lost'))
      }
    }
  }
}
