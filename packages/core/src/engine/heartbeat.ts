import { AppaloftError } from '../spec/errors.js'
import { type LeaseRef, leaseBeatMs, leaseGiveUpMs } from '../spec/lease.js'
import type { Runtime } from './runtime.js'

interface Heard {
  lost(error: AppaloftError): void
  canceled(): void
}

/** Keeps leases, and notices what others asked of their attempt, where there is one. */
export class Heartbeat {
  private readonly stopped = new AbortController()
  private readonly running: Promise<void>

  constructor(runtime: Runtime, deploymentId: string | null, leases: () => LeaseRef[], heard: Heard) {
    this.running = this.run(runtime, deploymentId, leases, heard)
  }

  async stop(): Promise<void> {
    this.stopped.abort()
    await this.running
  }

  private async run(
    { clock, store }: Runtime,
    deploymentId: string | null,
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
        const record = deploymentId === null ? null : await store.getDeployment(deploymentId)
        if (record?.status === 'canceling') heard.canceled()
      } catch {
        if (clock.monotonic() - last > leaseGiveUpMs) return heard.lost(new AppaloftError('lease-lost'))
      }
    }
  }
}
