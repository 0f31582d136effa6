import type { EventsRead, Store } from '../spec/store.js'
import type { Changed } from '../spec/wakeups.js'

/** So many different places of reading are remembered until the next change. */
const places = 16

/**
 * One subscription to the store, and one read of its news, for all who follow in this engine: a hundred observers of a deployment cost it
 * hardly more than one.
 */
export interface Feed {
  /** The engine was closed: who follows leaves with what there is. */
  readonly closed: boolean
  /** Woken by what may have changed this deployment. */
  subscribe(deploymentId: string, listener: () => void): () => void
  /**
   * What came after a place, for someone who was woken: it was read after the wake-up, but maybe for another who was woken by the same.
   * Who was not woken reads the store itself. The answer is shared: nobody may change it.
   */
  news(deploymentId: string, after: number, limit: number): Promise<EventsRead>
  /** Wakes everyone. The store is still open. */
  close(): void
}

export function createFeed(store: Store): Feed {
  const listeners = new Set<{ deploymentId: string; wake: () => void }>()
  const reads = new Map<string, Promise<EventsRead>>()
  let end = () => {}
  let closed = false
  const wake = (changed?: Changed) => {
    reads.clear()
    for (const one of [...listeners]) if (changed === undefined || changed.has(one.deploymentId)) one.wake()
  }
  return {
    get closed() {
      return closed
    },
    subscribe(deploymentId, listener) {
      const entry = { deploymentId, wake: listener }
      listeners.add(entry)
      if (listeners.size === 1) end = store.subscribe(wake)
      return () => {
        if (!listeners.delete(entry) || listeners.size > 0) return
        reads.clear()
        end()
      }
    },
    news(deploymentId, after, limit) {
      const place = `${deploymentId} ${after} ${limit}`
      const known = reads.get(place)
      if (known !== undefined) return known
      const read = store.readEvents(deploymentId, { after, limit })
      if (reads.size >= places) return read
      reads.set(place, read)
      // What failed is not remembered. Only if it is still there: a wake-up may have come in between.
      read.catch(() => reads.get(place) === read && reads.delete(place))
      return read
    },
    close() {
      closed = true
      wake()
    },
  }
}
